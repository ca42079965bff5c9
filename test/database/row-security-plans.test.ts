import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { STATEMENTS, type Statement, statement } from '../../src/database/money/statements.ts'
import { openMoneyPool } from '../../src/database/pool.ts'
import { asTenant } from '../../src/database/tenant.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

/** What a money transaction and a worker's claim send, hundreds of times a second. */
const HOT: readonly Statement[] = [...Object.values(STATEMENTS), statement('read-work')]

describe('row-level security', () => {
  let database: TestDatabase
  let pool: pg.Pool
  beforeAll(async () => {
    database = await testDatabase()
    pool = openMoneyPool(database.appUrl, 1)
  })
  afterAll(async () => {
    await pool.end()
    await database.drop()
  })

  async function planOf(client: pg.ClientBase, text: string): Promise<string> {
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(`explain (generic_plan, costs off) ${text}`)
    return rows.map((row) => row['QUERY PLAN']).join('\n')
  }

  async function plans(): Promise<ReadonlyMap<string, string>> {
    const client = await pool.connect()
    try {
      const found = new Map<string, string>()
      for (const { name, text } of HOT) found.set(name, await planOf(client, text))
      return found
    } finally {
      client.release()
    }
  }

  it('changes no plan of the money path', async () => {
    const guarded = await plans()
    const tables = await database.query<{ relname: string }>(
      `select relname from pg_class where relnamespace = 'tollkeeper'::regnamespace and relrowsecurity`,
    )
    expect(tables.length).toBeGreaterThan(15)
    for (const { relname } of tables) {
      await database.query(`alter table tollkeeper.${relname} disable row level security`)
    }
    const open = await plans()
    for (const { relname } of tables) {
      await database.query(`alter table tollkeeper.${relname} enable row level security`)
    }
    for (const { name } of HOT) expect(guarded.get(name), name).toBe(open.get(name))
  })

  it('looks the job of each stage up by its key, and never gathers all jobs of a tenant for it', async () => {
    const client = await pool.connect()
    try {
      await client.query(`begin; ${asTenant({ organizationId: 'acme', userId: null })}`)
      const plan = await planOf(client, 'select * from tollkeeper.job_stages where job_id = $1::uuid')
      expect(plan).toMatch(/SubPlan/)
      expect(plan).toMatch(/Index Scan using jobs_(pkey|organization_newest) on jobs j/)
      expect(plan).not.toMatch(/hashed|Seq Scan/)
    } finally {
      await client.query('rollback')
      client.release()
    }
  })
})
