import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { CONTRACT_COMPONENTS, fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'

const JOB = '01a20900-0000-7000-8000-000000000001'
interface WrongEntry {
  readonly amount: number
  readonly key: string
  readonly seq?: number
}

/** The ledger is written once: by the roles' rights for the application, by a trigger for everybody. */
describe('the ledger refuses change', () => {
  let world: World
  let tollkeeper: Tollkeeper
  let app: pg.Client
  let money: pg.Client
  beforeAll(async () => {
    world = await openWorld('postgres')
    tollkeeper = await world.open()
    await fundedOrganization(tollkeeper, 'acme', '10.00', CONTRACT_COMPONENTS)
    app = new pg.Client({ connectionString: world.database.appUrl })
    await app.connect()
    money = new pg.Client({ connectionString: world.database.appUrl, options: '-c role=tollkeeper_money' })
    await money.connect()
  })
  afterAll(async () => {
    await app.end()
    await money.end()
    await world.close()
  })

  const insertEntry = (seq: number, amount: number, key: string, job: string | null = null, by: pg.Client = money) =>
    by.query(
      `insert into tollkeeper.ledger_entries (id, organization_id, seq, kind, debit_account, credit_account, amount,
         currency, available_after, held_after, business_key, job_id, created_at)
       values (gen_random_uuid(), 'acme', $1, 'top_up', 'funding', 'available', $2, 'USD', 0, 0, $3, $4, now())`,
      [seq, amount, key, job],
    )

  const CHANGES = [
    `update tollkeeper.ledger_entries set amount = 1`,
    `delete from tollkeeper.ledger_entries`,
    `truncate tollkeeper.ledger_entries cascade`,
  ]

  it.each(CHANGES)('to the application: %s', async (sql) => {
    const before = await world.database.query('select * from tollkeeper.ledger_entries')
    await expect(app.query(sql)).rejects.toMatchObject({ code: '42501' })
    expect(await world.database.query('select * from tollkeeper.ledger_entries')).toEqual(before)
    expect(before).toHaveLength(1)
  })

  it.each(CHANGES)('to the money path, which alone adds to it: %s', async (sql) => {
    const before = await world.database.query('select * from tollkeeper.ledger_entries')
    await expect(money.query(sql)).rejects.toMatchObject({ code: '42501' })
    await expect(insertEntry(60, 5, 'by the application', null, app)).rejects.toMatchObject({ code: '42501' })
    expect(await world.database.query('select * from tollkeeper.ledger_entries')).toEqual(before)
  })

  it('the money path may change and remove nothing that the application may not', async () => {
    const more = await world.database.query(
      `select c.relname, w.word from pg_class c, unnest(array['UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER']) w(word)
       where c.relnamespace = 'tollkeeper'::regnamespace and c.relkind = 'r'
         and has_table_privilege('tollkeeper_money', c.oid, w.word)
         and not has_table_privilege('tollkeeper_app', c.oid, w.word)`,
    )
    expect(more).toEqual([])
  })

  it.each(CHANGES)('even to the owner: %s', async (sql) => {
    const before = await world.database.query('select * from tollkeeper.ledger_entries')
    await expect(world.database.query(sql)).rejects.toMatchObject({ constraint: 'ledger_entries_append_only' })
    expect(await world.database.query('select * from tollkeeper.ledger_entries')).toEqual(before)
  })

  it.each(['update tollkeeper.absorbed_usage set cost = 0', 'delete from tollkeeper.absorbed_usage'])(
    'to the application, of what the platform bore: %s',
    async (sql) => {
      await expect(app.query(sql)).rejects.toMatchObject({ code: '42501' })
    },
  )

  const ALERT = `insert into tollkeeper.balance_alerts (id, organization_id, threshold_id, metric, below, clear_at, value,
      available, estimated, seq, raised_at)
    values (gen_random_uuid(), 'nobody', gen_random_uuid(), 'available', 2, 3, 1, 1, false, 1, now())`

  it('of an alert the application may say that it is over and that somebody was told, and nothing else', async () => {
    await app.query(ALERT)
    await app.query('update tollkeeper.balance_alerts set cleared_at = now(), told_at = now()')
    for (const sql of [
      'update tollkeeper.balance_alerts set value = 2',
      'update tollkeeper.balance_alerts set raised_at = now()',
      'delete from tollkeeper.balance_alerts',
      'truncate tollkeeper.balance_alerts',
    ]) {
      await expect(app.query(sql), sql).rejects.toMatchObject({ code: '42501' })
    }
    expect(await world.database.query('select value::text from tollkeeper.balance_alerts')).toEqual([{ value: '1' }])
  })

  const APPEND = `select tollkeeper.append_audit('{"at":"2026-11-24T10:00:00.000Z","action":"note.write"}')`

  it('to the audit log the application may append, and nothing else; to its head, nothing', async () => {
    await app.query(APPEND)
    await app.query(APPEND)
    const log = () => world.database.query('select * from tollkeeper.audit_log, tollkeeper.audit_head order by 1')
    const before = await log()
    const forged = `insert into tollkeeper.audit_log select seq + 1, entry, hash, hash, at, action from tollkeeper.audit_log`
    for (const table of ['audit_log', 'audit_head']) {
      for (const sql of [
        `update tollkeeper.${table} set seq = seq + 1`,
        `delete from tollkeeper.${table}`,
        `truncate tollkeeper.${table}`,
      ]) {
        await expect(app.query(sql), sql).rejects.toMatchObject({ code: '42501' })
        if (sql.startsWith('update tollkeeper.audit_head')) continue
        await expect(world.database.query(sql), sql).rejects.toMatchObject({ constraint: 'audit_log_append_only' })
      }
    }
    await expect(app.query(forged)).rejects.toMatchObject({ code: '42501' })
    await expect(world.database.query('update tollkeeper.audit_head set seq = 1')).rejects.toMatchObject({
      constraint: 'audit_log_append_only',
    })
    expect(await log()).toEqual(before)
    expect(before.filter(({ action }) => action === 'note.write')).toHaveLength(2)
  })

  it.each([
    '',
    '[]',
    '{"at":"2026-11-24T10:00:00.000Z"}',
    '{"at":"yesterday or so","action":"a"}',
    '{"at":null,"action":"a"}',
  ])('what is no entry is refused by the audit log, which stays as it is: %s', async (entry) => {
    const head = () => world.database.query('select * from tollkeeper.audit_head')
    const before = await head()
    await expect(app.query('select tollkeeper.append_audit($1)', [entry])).rejects.toThrow()
    expect(await head()).toEqual(before)
  })

  it('an entry of a job is written once', async () => {
    await insertEntry(50, 5, 'charge:1', JOB)
    await expect(insertEntry(51, 5, 'charge:1', JOB)).rejects.toMatchObject({ constraint: 'ledger_entries_key_unique' })
  })

  it.each<[string, WrongEntry, string]>([
    ['an amount of nothing', { amount: 0, key: 'a' }, 'ledger_entries_amount_positive'],
    ['a key that was used', { amount: 1, key: 'top_up:acme:first' }, 'ledger_entries_key_unique'],
    ['a seq that was used', { amount: 1, key: 'b', seq: 1 }, 'ledger_entries_pkey'],
  ])('an entry with %s', async (_what, { amount, key, seq = 2 }: WrongEntry, constraint) => {
    await expect(insertEntry(seq, amount, key)).rejects.toMatchObject({ constraint })
  })

  it('and a balance below its limit is refused by the table itself', async () => {
    const overdraw = app.query(
      `update tollkeeper.organization_balances set available = -1 where organization_id = 'acme'`,
    )
    await expect(overdraw).rejects.toMatchObject({ constraint: 'organization_balances_never_below_limit' })
  })
})
