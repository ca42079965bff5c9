import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../cli/cli-process.ts'
import { component, fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'

/** Copies the only charge of the only organisation `copies` times, with its entry behind one another. */
const COPY = `
with charge as (select * from tollkeeper.feature_charges),
  copies as (insert into tollkeeper.feature_charges
    select gen_random_uuid(), organization_id, key || k, feature, quantity, user_id, tariff_version_id, period_start,
      jsonb_set(line::jsonb, '{17}', to_jsonb(ledger_seq + k))::json, balance, charged, ledger_seq + k, created_at
    from charge, generate_series(1, $1::int) k),
  entries as (insert into tollkeeper.ledger_entries (organization_id, seq, id, kind, debit_account, credit_account,
      amount, currency, available_after, held_after, business_key, component, reference, created_at)
    select e.organization_id, e.seq + k, gen_random_uuid(), e.kind, e.debit_account, e.credit_account, e.amount,
      e.currency, e.available_after - k * e.amount, e.held_after, e.business_key || k, e.component, e.reference || k,
      e.created_at
    from tollkeeper.ledger_entries e, generate_series(1, $1::int) k where e.kind = 'feature' order by k),
  counters as (update tollkeeper.usage_counters set used = used * ($1 + 1))
update tollkeeper.organization_balances b set seq = seq + $1, available = available - $1 * charged from charge`
const COPIES = 150_000
/** Of V8's old space. The rows of these charges alone are several times this. */
const HEAP_MB = 64

describe('150,000 charges of features', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld('postgres')
    const tollkeeper = await world.open()
    await fundedOrganization(tollkeeper, 'acme', '90000.00', [
      component('pages', { kind: 'feature', feature: 'ocr-page' }, '0.01'),
    ])
    await tollkeeper.billing.chargeFeature('acme', 'ocr-page', 3, 'scan')
    await world.database.query(COPY, [COPIES])
  })
  afterAll(() => world.close())

  it('are verified whole in a heap that cannot hold them', async () => {
    const env = { ...world.env, NODE_OPTIONS: `--max-old-space-size=${HEAP_MB} --max-semi-space-size=4` }
    const { code, stdout, stderr } = await runCli(['verify', '--json'], env)
    expect([code, stderr]).toEqual([0, ''])
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, organizations: 1, entries: COPIES + 2, violations: [] })
  })
})
