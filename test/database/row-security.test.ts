import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { asTenant, type Tenant } from '../../src/database/tenant.ts'
import { twoTenants } from '../support/tenants.ts'
import { openWorld, type World } from '../support/tollkeeper.ts'

/** Tables of ours that hold nothing of any organisation: tenants have no right to them at all. */
const NOBODYS = new Set(['migrations', 'secrets', 'tariff_plans', 'plan_moves', 'audit_head'])
/** What is the platform's own about organisations: no right either. */
const THE_PLATFORMS = new Set(['absorbed_usage', 'plan_move_problems', 'api_keys', 'audit_log', 'idempotency_keys'])
/** Published terms are for whoever pins them; drafts for nobody. */
const TARIFFS = new Set(['tariff_versions', 'tariff_components'])

const PLATFORM = ['tollkeeper_app', 'tollkeeper_money', 'tollkeeper_owner']

const ACME: Tenant = { organizationId: 'acme', userId: null }
const ANN: Tenant = { organizationId: 'acme', userId: 'ann' }
const NOBODY: Tenant = { organizationId: '', userId: null }

interface Table {
  readonly name: string
  readonly protected: boolean
  readonly readable: boolean
  readonly rights: string
}

/** How many rows of each organisation a tenant sees in a table. */
type Seen = Readonly<Record<string, number>>

describe('row-level security', () => {
  let world: World
  let tollkeeper: Tollkeeper
  let app: pg.Client
  let tables: readonly Table[]
  beforeAll(async () => {
    world = await openWorld('postgres')
    tollkeeper = await world.open()
    await twoTenants(tollkeeper)
    app = new pg.Client({ connectionString: world.database.appUrl })
    await app.connect()
    tables = await world.database.query<Table & pg.QueryResultRow>(
      `select c.relname as name, c.relrowsecurity and c.relforcerowsecurity as protected,
         has_table_privilege('tollkeeper_tenant', c.oid, 'SELECT') as readable,
         (select coalesce(string_agg(w.word, ' '), '') from unnest(array['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE',
           'REFERENCES', 'TRIGGER']) w(word) where has_table_privilege('tollkeeper_tenant', c.oid, w.word)) as rights
       from pg_class c where c.relnamespace = 'tollkeeper'::regnamespace and c.relkind in ('r', 'p') order by 1`,
    )
  })
  afterAll(async () => {
    await app.end()
    await world.close()
  })

  async function as<T>(tenant: Tenant | null, work: () => Promise<T>): Promise<T> {
    await app.query('begin')
    try {
      await app.query(tenant ? asTenant(tenant) : 'set local role tollkeeper_tenant')
      return await work()
    } finally {
      await app.query('rollback')
    }
  }

  /** Whose the rows of a table are: by its own column, or by its job's. */
  const ownerOf = async (table: string): Promise<string> => {
    if (table === 'organizations') return 'id'
    const columns = await world.database.query<{ column_name: string }>(
      `select column_name from information_schema.columns where table_schema = 'tollkeeper' and table_name = $1`,
      [table],
    )
    const names = columns.map(({ column_name: name }) => name)
    if (names.includes('organization_id')) return 'organization_id'
    return '(select j.organization_id from tollkeeper.jobs j where j.id = job_id)'
  }

  /** @param ask runs it: as the owner, who sees everything, or within a tenant's transaction */
  async function rowsOf(table: string, ask: (sql: string) => Promise<readonly pg.QueryResultRow[]>): Promise<Seen> {
    const rows = await ask(`select ${await ownerOf(table)} as owner, count(*)::int as rows from tollkeeper.${table}
      group by 1 order by 1`)
    return Object.fromEntries(rows.map(({ owner, rows: count }) => [String(owner), Number(count)]))
  }
  const asked = async (sql: string) => (await app.query(sql)).rows
  const readable = () => tables.filter(({ name, readable }) => readable && !TARIFFS.has(name))

  it('is forced on every table of ours but the list of migrations', () => {
    expect(tables.filter((table) => !table.protected).map(({ name }) => name)).toEqual(['migrations'])
  })

  it('a table is either an organisation’s, with a policy of its own for tenants, or closed to them', async () => {
    const policies = await world.database.query<{ tablename: string; policyname: string; roles: readonly string[] }>(
      `select tablename, policyname, roles::text[] from pg_policies where schemaname = 'tollkeeper'`,
    )
    for (const { name, readable } of tables) {
      const own = policies.filter(({ tablename }) => tablename === name)
      const isClosed = NOBODYS.has(name) || THE_PLATFORMS.has(name)
      expect([name, readable], name).toEqual([name, !isClosed])
      expect(
        own.some(({ policyname }) => policyname === 'tenant'),
        name,
      ).toBe(!isClosed)
      for (const { policyname, roles } of own) {
        const wanted = policyname === 'tenant' ? ['tollkeeper_tenant'] : PLATFORM
        expect([...roles].sort(), `${policyname} of ${name}`).toEqual(wanted)
      }
    }
    expect(new Set(policies.map(({ policyname }) => policyname))).toEqual(new Set(['platform', 'tenant']))
  })

  it('tenants may read, and no more than that', () => {
    expect(tables.filter(({ rights }) => rights !== '')).toEqual([])
  })

  it('a table that nobody thought of is closed by the next migration', async () => {
    await world.database.query('create table tollkeeper.forgotten as select 1 as n')
    try {
      await world.database.query('select tollkeeper.protect_tables()')
      await world.database.query('grant select on tollkeeper.forgotten to tollkeeper_tenant, tollkeeper_app')
      expect(await as(ACME, () => asked('select * from tollkeeper.forgotten'))).toEqual([])
      expect(await asked('select * from tollkeeper.forgotten')).toEqual([{ n: 1 }])
    } finally {
      await world.database.query('drop table tollkeeper.forgotten')
    }
  })

  it('shows a tenant all of its own rows in every table and none of another’s', async () => {
    for (const { name } of readable()) {
      const all = await rowsOf(name, (sql) => world.database.query(sql))
      expect(all, name).toEqual({ acme: expect.any(Number), rival: all.acme })
      expect(all.acme, `rows of ${name} to look at`).toBeGreaterThan(0)
      expect(await as(ACME, () => rowsOf(name, asked)), name).toEqual({ acme: all.acme })
    }
  })

  it.each([
    ['nobody said whose', null],
    ['an empty name was given', NOBODY],
    ['nobody has that name', { organizationId: 'nobody', userId: null }],
    ['only a member was named', { organizationId: '', userId: 'ann' }],
  ])('shows nothing where %s', async (_why, tenant) => {
    for (const { name } of readable()) expect(await as(tenant, () => rowsOf(name, asked)), name).toEqual({})
  })

  it('shows a member its own jobs and what hangs on them, and what the organisation as a whole has', async () => {
    const [ann] = await world.database.query<{ jobs: number; stages: number; entries: number; holds: number }>(
      `select count(*)::int as jobs, sum((select count(*) from tollkeeper.job_stages s where s.job_id = j.id))::int as stages,
         sum((select count(*) from tollkeeper.ledger_entries e where e.job_id = j.id))::int as entries,
         sum((select count(*) from tollkeeper.holds h where h.job_id = j.id))::int as holds
       from tollkeeper.jobs j where j.organization_id = 'acme' and j.user_id = 'ann'`,
    )
    const seen: Record<string, Seen> = {}
    await as(ANN, async () => {
      for (const { name } of readable()) seen[name] = await rowsOf(name, asked)
    })
    expect(ann?.jobs).toBe(1)
    expect(seen).toEqual({
      organizations: { acme: 1 },
      organization_balances: { acme: 1 },
      usage_counters: { acme: expect.any(Number) },
      billing_periods: { acme: 1 },
      jobs: { acme: ann?.jobs },
      job_texts: { acme: ann?.jobs },
      job_stages: { acme: ann?.stages },
      holds: { acme: ann?.holds },
      ledger_entries: { acme: ann?.entries },
      team_members: { acme: 1 },
      feature_charges: { acme: 1 },
      balance_thresholds: {},
      balance_alerts: {},
    })
  })

  it('refuses a tenant every write, of its own rows and of others', async () => {
    const before = await Promise.all(tables.map(({ name }) => world.database.query(`select * from tollkeeper.${name}`)))
    for (const { name } of tables) {
      const writes = [
        `insert into tollkeeper.${name} select * from tollkeeper.${name}`,
        `update tollkeeper.${name} set ${await firstColumn(name)} = ${await firstColumn(name)}`,
        `delete from tollkeeper.${name}`,
        `truncate tollkeeper.${name} cascade`,
      ]
      for (const sql of writes) {
        await expect(
          as(ACME, () => app.query(sql)),
          sql,
        ).rejects.toMatchObject({ code: '42501' })
      }
    }
    const after = await Promise.all(tables.map(({ name }) => world.database.query(`select * from tollkeeper.${name}`)))
    expect(after).toEqual(before)
  })

  it('closes what is the platform’s own to tenants, and shows them terms only once they are published', async () => {
    for (const name of [...NOBODYS, ...THE_PLATFORMS]) {
      await expect(
        as(ACME, () => app.query(`select * from tollkeeper.${name}`)),
        name,
      ).rejects.toMatchObject({
        code: '42501',
      })
    }
    const drafts = `select (select count(*) from tollkeeper.tariff_versions where state = 'draft')::int as versions,
      (select count(*) from tollkeeper.tariff_components c join tollkeeper.tariff_versions v on v.id = c.version_id
        where v.state = 'draft')::int as components`
    expect(await world.database.query(drafts)).toEqual([{ versions: 1, components: 1 }])
    expect(await as(ACME, () => asked(drafts))).toEqual([{ versions: 0, components: 0 }])
    const published = 'select state, count(*)::int as rows from tollkeeper.tariff_versions group by 1'
    expect(await as(ACME, () => asked(published))).toEqual([{ state: 'published', rows: 2 }])
    expect(await as(ACME, () => asked('select 1 from tollkeeper.tariff_components'))).not.toHaveLength(0)
  })

  it('lets the owner dump every row with it, and refuses a dump without it rather than leave rows out', async () => {
    const owner = new pg.Client({ connectionString: world.database.ownerUrl })
    await owner.connect()
    try {
      expect((await owner.query('select 1 from tollkeeper.jobs')).rowCount).toBe(4)
      await owner.query('set row_security = off')
      await expect(owner.query('select 1 from tollkeeper.jobs')).rejects.toMatchObject({ code: '42501' })
    } finally {
      await owner.end()
    }
  })

  it('leaves the application and the money path what they saw before', async () => {
    const count = 'select count(*)::int as rows from tollkeeper.jobs'
    const all = await world.database.query(count)
    expect(await asked(count)).toEqual(all)
    const money = new pg.Client({ connectionString: world.database.appUrl, options: '-c role=tollkeeper_money' })
    await money.connect()
    expect((await money.query(count)).rows).toEqual(all)
    await money.end()
    expect(await tollkeeper.verifier.verify()).toMatchObject({ ok: true, violations: [] })
  })

  async function firstColumn(table: string): Promise<string> {
    const [row] = await world.database.query<{ attname: string }>(
      `select attname from pg_attribute where attrelid = $1::regclass and attnum = 1`,
      [`tollkeeper.${table}`],
    )
    return row?.attname ?? 'id'
  }
})
