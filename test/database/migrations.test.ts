import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { migrations } from '../../migrations/index.ts'
import { migrate, refusePendingMigrations } from '../../src/database/migrate.ts'
import { openOrm } from '../../src/database/orm.ts'
import { migrateQueues } from '../../src/queues/migrate.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

const FUNCTIONS = ['to-ms', 'from-ms', 'lock-batch', 'append-only']

/** What MikroORM would drop because it does not know it: functions and triggers are ours, written by hand. */
const BY_HAND = /^drop (function|trigger) if exists/

describe('migrations', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await testDatabase()
  })
  afterAll(() => database.drop())

  it('leave nothing for the entities to change', async () => {
    const orm = await openOrm(database.ownerUrl)
    try {
      const difference = await orm.schema.getUpdateSchemaSQL({ wrap: false })
      const statements = difference.split('\n').filter((line) => line.trim() !== '' && !BY_HAND.test(line))
      expect(statements).toEqual([])
      const known = await orm.schema.getCreateSchemaSQL({ wrap: false })
      expect(known).toContain('ledger_entries_business_key_unique')
    } finally {
      await orm.close(true)
    }
  })

  it('run once: again they change nothing', async () => {
    const before = await database.query('select * from tollkeeper.migrations order by id')
    expect(await migrate(database.ownerUrl, migrateQueues)).toEqual([])
    expect(await database.query('select * from tollkeeper.migrations order by id')).toEqual(before)
    expect(before).toHaveLength(migrations.length)
  })

  it('come up from an empty database, and a start before that says which command to run', async () => {
    const empty = await testDatabase()
    try {
      await empty.query('drop schema tollkeeper cascade')
      await empty.query('drop schema bullmq cascade')
      await expect(refusePendingMigrations(empty.ownerUrl)).rejects.toThrow(/run: tollkeeper migrate/)
      expect(await migrate(empty.ownerUrl, migrateQueues)).toEqual(migrations.map(({ name }) => name))
      await expect(refusePendingMigrations(empty.ownerUrl)).resolves.toBeUndefined()
      const tables = await empty.query<{ schema: string; tables: number }>(
        `select schemaname as schema, count(*)::int as tables from pg_tables
         where schemaname in ('tollkeeper', 'bullmq') group by 1 order by 1`,
      )
      expect(tables).toEqual([
        { schema: 'bullmq', tables: expect.any(Number) },
        { schema: 'tollkeeper', tables: 13 },
      ])
    } finally {
      await empty.drop()
    }
  })

  it('carry a frozen copy of each function of the money path', async () => {
    const newest = await Promise.all(
      migrations.map(({ name }) => readFile(new URL(`../../migrations/${name}.ts`, import.meta.url), 'utf8')),
    )
    for (const name of FUNCTIONS) {
      const sql = await readFile(new URL(`../../src/database/sql/${name}.sql`, import.meta.url), 'utf8')
      const holder = newest.findLast((text) =>
        text.includes(sql.split('\n').find((line) => line.startsWith('create')) ?? ''),
      )
      expect(holder, `${name}.sql has its newest copy in a migration`).toContain(sql)
    }
  })
})
