import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { migrations } from '../../migrations/index.ts'
import { migrate, refusePendingMigrations } from '../../src/database/migrate.ts'
import { lineFromJson, type StoredLine } from '../../src/database/money/stored-lines.ts'
import { openOrm } from '../../src/database/orm.ts'
import { entities } from '../../src/models/entities.ts'
import { migrateQueues } from '../../src/queues/migrate.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

const FUNCTIONS = [
  ...['to-ms', 'from-ms', 'append-only'],
  ...['refuse-outdated', 'restamp', 'restamp-organization', 'restamp-all', 'restamp-period', 'refuse-published-change'],
  ...['append-audit', 'refuse-audit-change'],
  ...['tenant-organization', 'tenant-user', 'protect-tables'],
]

/**
 * What MikroORM would drop because it does not know it: functions, triggers and row-level security are ours, written by hand,
 * as are keys of two columns, of which it would make a relation.
 */
const BY_HAND = [
  /^drop (function|trigger) if exists/,
  /^drop policy "(platform|tenant)" on/,
  /^alter table "tollkeeper"."\w+" (no force|disable) row level security;$/,
  /drop constraint "(holds_job|absorbed_usage_job|jobs_member|feature_charges_member|feature_charges_entry)_fk";$/,
]

/** A job whose input was settled before lines were stored as figures in a fixed order. */
const OLD_ROWS = `
with organization as (
  insert into tollkeeper.organizations (id, name, currency, period_anchor, period_start, period_end)
  values ('acme', 'acme', 'USD', now(), now(), now() + interval '1 month') returning id),
job as (
  insert into tollkeeper.jobs (id, organization_id, runner, state, stage, steps)
  select gen_random_uuid(), id, 'own', 'processing', 'output', '[]' from organization returning id)
insert into tollkeeper.job_stages (job_id, stage, position, state, lines)
select id, 'input', 0, 'charged', '[{"component": "in", "kind": "input_tokens", "model": "graduated", "llmModel": null,
  "tokenClass": null, "quantity": 1200, "source": "counted", "includedUsed": 200, "billedQuantity": 1000, "price": null,
  "per": 1000000, "tiers": [{"upTo": 1000, "price": "2000000000"}, {"upTo": null, "price": "1"}], "counterBefore": 5,
  "counterAfter": 1205, "billedBefore": 3, "amount": "180000", "writtenOff": "1", "ledgerSeq": 3}]'::jsonb from job
union all select id, 'output', 1, 'waiting', null from job`

/**
 * Jobs of ann's in the running period and in the former one: one that runs with 7 charged and 100 held, one that was
 * charged 30, one whose charge of 5 was reversed; and one of nobody's.
 */
const OLD_MEMBERS = `
insert into tollkeeper.organizations (id, name, currency, period_anchor, period_start, period_end)
values ('acme', 'acme', 'USD', '2026-01-01Z', '2026-02-01Z', '2026-03-01Z');
insert into tollkeeper.organization_balances (organization_id) values ('acme');
insert into tollkeeper.team_members (organization_id, user_id, role, state, operation, added_at)
select 'acme', u, 'member', 'active', gen_random_uuid(), now() from unnest(array['ann', 'bob']) u;
with job as (
  insert into tollkeeper.jobs (id, organization_id, user_id, runner, state, stage, steps, period_start)
  select gen_random_uuid(), 'acme', u, 'own', s, 'output', '[]', p::timestamptz from (values
    ('ann', 'processing', '2026-02-01Z'), ('ann', 'charged', '2026-02-01Z'), ('ann', 'cancelled', '2026-02-01Z'),
    ('ann', 'charged', '2026-01-01Z'), (null, 'charged', '2026-02-01Z')) j(u, s, p) returning id, state),
stage as (
  insert into tollkeeper.job_stages (job_id, stage, position, state, charged)
  select id, 'input', 0, case state when 'cancelled' then 'reversed' else 'charged' end,
    case state when 'processing' then 7 when 'charged' then 30 else 5 end from job)
insert into tollkeeper.holds (job_id, generation, organization_id, amount, remaining, state, opened_at)
select id, 1, 'acme', 107, case state when 'processing' then 100 else 0 end,
  case state when 'processing' then 'open' else 'closed' end, now() from job`

function queriesOf(migration: (typeof migrations)[number]): readonly string[] {
  const instance = new migration({} as never, {} as never)
  instance.up()
  return instance.getQueries() as readonly string[]
}

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
      const statements = difference
        .split('\n')
        .filter((line) => line.trim() !== '' && !BY_HAND.some((known) => known.test(line)))
      expect(statements).toEqual([])
      const known = await orm.schema.getCreateSchemaSQL({ wrap: false })
      expect(known).toContain('ledger_entries_key_unique')
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
        { schema: 'tollkeeper', tables: entities.length + 1 },
      ])
    } finally {
      await empty.drop()
    }
  })

  it('keep what earlier ones stored: the lines of settled stages, tiers and all', async () => {
    const old = await testDatabase()
    try {
      await old.query('drop schema tollkeeper cascade')
      const [initial, lean] = migrations.map((migration) => queriesOf(migration))
      for (const sql of ['create schema tollkeeper', ...(initial ?? [])]) await old.query(sql)
      await old.query(OLD_ROWS)
      for (const sql of lean ?? []) await old.query(sql)
      const [input, output] = await old.query<{ lines: StoredLine[] | null }>(
        'select lines from tollkeeper.job_stages order by position',
      )
      expect(output?.lines).toBeNull()
      expect(input?.lines?.map(lineFromJson)).toEqual([
        {
          component: 'in',
          kind: 'input_tokens',
          model: 'graduated',
          llmModel: null,
          tokenClass: null,
          quantity: 1_200,
          source: 'counted',
          includedUsed: 200,
          billedQuantity: 1_000,
          price: null,
          per: 1_000_000,
          tiers: [
            { upTo: 1_000, price: 2_000_000_000n },
            { upTo: null, price: 1n },
          ],
          counterBefore: 5,
          counterAfter: 1_205,
          billedBefore: 3,
          amount: 180_000n,
          writtenOff: 1n,
          ledgerSeq: 3,
        },
      ])
    } finally {
      await old.drop()
    }
  })

  it('count against members what their jobs of the running period hold and were charged before', async () => {
    const old = await testDatabase()
    try {
      await old.query('drop schema tollkeeper cascade')
      await old.query('create schema tollkeeper')
      const here = migrations.findIndex(({ name }) => name.endsWith('_member_limits'))
      for (const sql of migrations.slice(0, here).flatMap(queriesOf)) await old.query(sql)
      await old.query(OLD_MEMBERS)
      for (const sql of migrations.slice(here, here + 1).flatMap(queriesOf)) await old.query(sql)
      const rows = await old.query(
        `select user_id, spending_limit, committed::int, committed_period from tollkeeper.team_members order by 1`,
      )
      const period = { committed_period: new Date('2026-02-01T00:00:00.000Z') }
      expect(rows).toEqual([
        { user_id: 'ann', spending_limit: null, committed: 137, ...period },
        { user_id: 'bob', spending_limit: null, committed: 0, committed_period: null },
      ])
    } finally {
      await old.drop()
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
