import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { parseAmount } from '../../src/pricing/money.ts'
import { expectBooksToBalance } from '../support/books.ts'
import { SettableClock } from '../support/settable-clock.ts'
import { openWorld, type World } from '../support/tollkeeper.ts'

describe('the sweep, by a clock that was given,', () => {
  let world: World
  let tollkeeper: Tollkeeper
  const clock = new SettableClock('2026-01-31')
  beforeAll(async () => {
    world = await openWorld('postgres', { RECONCILE_INTERVAL_MS: '100' })
    tollkeeper = await world.open([], { clock })
    await tollkeeper.startWorkers()
  })
  afterAll(() => world.close())

  async function customer(id: string, price: string, funds: string): Promise<void> {
    const { inTransaction, tariffs, organizations, balances } = tollkeeper
    await inTransaction(async (em) => {
      const { tariff } = await tariffs.create(em, {
        name: id,
        pricePerMonth: parseAmount(price),
        maxTeamMembers: null,
        memberPrice: 0n,
        currency: 'USD',
        chargeOnFailure: 'none',
        components: [],
        publish: true,
      })
      const terms = { tariffId: tariff.planId, tariffVersion: null, overdraftLimit: 0n }
      await organizations.create(em, { id, name: id, currency: 'USD', ...terms })
    })
    await balances.topUp(id, { amount: parseAmount(funds), reference: 'first', note: null })
  }
  const rowsOf = (sql: string) => world.database.query(sql)
  const STATUSES = `select id, status, period_number::int as number, available::text from tollkeeper.organizations
    join tollkeeper.organization_balances on organization_id = id order by id`

  it('renews whoever nobody looks at, and ends their grace', async () => {
    await customer('paying', '10.00', '100.00')
    await customer('poor', '10.00', '15.00')
    clock.set('2026-02-28T00:00:00Z')
    await vi.waitFor(
      async () =>
        expect(await rowsOf(STATUSES)).toEqual([
          { id: 'paying', status: 'active', number: 2, available: '80000000000' },
          { id: 'poor', status: 'active', number: 2, available: '5000000000' },
        ]),
      { timeout: 10_000 },
    )
    clock.set('2026-03-07T00:00:00Z')
    await vi.waitFor(
      async () =>
        expect(await rowsOf(STATUSES)).toMatchObject([
          { status: 'active', number: 2 },
          { status: 'past_due', number: 2 },
        ]),
      { timeout: 10_000 },
    )
    expect(
      await rowsOf(`select organization_id, number, amount::text from tollkeeper.ledger_entries e
      join tollkeeper.billing_periods p using (organization_id)
      where e.business_key = 'plan_fee:' || p.organization_id || ':' || p.number order by 1, 2`),
    ).toEqual([
      { organization_id: 'paying', number: 1, amount: '10000000000' },
      { organization_id: 'paying', number: 2, amount: '10000000000' },
      { organization_id: 'poor', number: 1, amount: '10000000000' },
    ])
    await expectBooksToBalance(world.database)
    expect(await tollkeeper.verifier.verify()).toMatchObject({ ok: true, violations: [], warnings: [] })
  })

  it('runs a job from its submit to its receipt', async () => {
    const { id } = await tollkeeper.service.submit({ organizationId: 'paying', text: 'The ferry left at nine.' })
    const job = await tollkeeper.watcher.until(id, ({ state }) => state === 'charged')
    expect(job).toMatchObject({ state: 'charged', createdAt: clock.now(), finishedAt: clock.now() })
  })
})
