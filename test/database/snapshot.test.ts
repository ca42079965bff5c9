import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { unescaped } from '../../src/database/copy-out.ts'
import { openMoneyPool } from '../../src/database/pool.ts'
import { createInSnapshot, type InSnapshot, literal } from '../../src/database/snapshot.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { eventually } from '../support/tollkeeper.ts'

/** More rows than any buffer holds: whoever reads them all needs seconds. */
const ENDLESS = 'select n, repeat(md5(n::text), 4) from generate_series(1, 50000000) n'

describe('a snapshot that is streamed', () => {
  let database: TestDatabase
  let pool: pg.Pool
  let inSnapshot: InSnapshot
  beforeAll(async () => {
    database = await testDatabase()
    pool = openMoneyPool(database.appUrl, 1)
    pool.on('error', () => undefined)
    inSnapshot = createInSnapshot(pool)
  })
  afterAll(async () => {
    await pool.end()
    await database.drop()
  })

  const backends = () =>
    database.query(`select 1 from pg_stat_activity where datname = current_database() and state = 'active'
      and application_name = 'tollkeeper money'`)

  it.each([
    'plain',
    'tab\tand\nline\r\b\f\v',
    'back\\slash \\N \\t',
    'quote\'s "',
    'größer 漢字 🎉',
    '',
    '\\',
    'nothing',
  ])('brings %j as it is stored', async (text) => {
    const seen: string[] = []
    await inSnapshot((snapshot) => snapshot.stream(`select 1, ${literal(text)}, null`, (row) => seen.push(row)))
    const [one, stored = '', nothing] = (seen[0] ?? '').split('\t')
    expect([one, unescaped(stored), nothing, seen.length]).toEqual(['1', text, '\\N', 1])
  })

  it('brings rows in their order, and goes on being one picture of the database', async () => {
    await database.query('create table tollkeeper.seen as select 1 as n')
    await database.query('grant select on tollkeeper.seen to tollkeeper_money')
    const counts = await inSnapshot(async (snapshot) => {
      const before = await snapshot.read('select count(*)::int from tollkeeper.seen', [])
      await database.query('insert into tollkeeper.seen values (2)')
      const streamed: string[] = []
      await snapshot.stream('select n from tollkeeper.seen order by n', (row) => streamed.push(row))
      await snapshot.stream('select n from generate_series(1, 3) n', (row) => streamed.push(row))
      return [before, streamed]
    })
    expect(counts).toEqual([[[1]], ['1', '1', '2', '3']])
  })

  it('ends in mid-stream by what the reader throws, at the server too, and the pool serves the next', async () => {
    let rows = 0
    const reading = inSnapshot((snapshot) =>
      snapshot.stream(ENDLESS, () => {
        rows += 1
        if (rows === 5_000) throw new Error('that is enough')
      }),
    )
    await expect(reading).rejects.toThrow('that is enough')
    expect(rows).toBe(5_000)
    await eventually(backends, (found) => found.length === 0, 5_000)
    expect(await inSnapshot((snapshot) => snapshot.read('select 1', []))).toEqual([[1]])
  })

  it('rejects for a query that fails and for a connection that is cut, and the pool serves the next', async () => {
    const failing = inSnapshot((snapshot) =>
      snapshot.stream('select 1 / (3 - n) from generate_series(1, 5) n', () => undefined),
    )
    await expect(failing).rejects.toMatchObject({ code: '22012' })
    let cut: Promise<void> | undefined
    const reading = inSnapshot((snapshot) =>
      snapshot.stream(ENDLESS, () => {
        cut ??= database.cutConnections('tollkeeper money')
      }),
    )
    await expect(reading).rejects.toThrow(/terminat/i)
    await cut
    expect(await inSnapshot((snapshot) => snapshot.read('select 2', []))).toEqual([[2]])
  })
})
