import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { parseAmount } from '../../src/pricing/money.ts'
import { expectBooksToBalance } from '../support/books.ts'
import { SettableClock } from '../support/settable-clock.ts'
import { component, openWorld, type World } from '../support/tollkeeper.ts'

const JOBS = 60

describe('a boundary that several processes pass at once', () => {
  let world: World
  let processes: readonly Tollkeeper[]
  const clock = new SettableClock('2026-01-31')
  beforeAll(async () => {
    world = await openWorld('postgres')
    processes = [await world.open([], { clock }), await world.open([], { clock })]
  })
  afterAll(() => world.close())

  const of = (index: number): Tollkeeper => processes[index % processes.length] as Tollkeeper

  async function admitOne(index: number): Promise<string> {
    const { billing, openJob } = of(index)
    const job = await openJob({ organizationId: 'acme', agents: [] })
    const verdict = await billing.admit(job, [
      { stage: 'input', bound: { kind: 'input', tokens: 1_000_000 } },
      { stage: 'output', bound: { kind: 'output', maxTokens: 0 } },
    ])
    return verdict.kind === 'refused' ? verdict.rejection.reason : verdict.kind
  }

  it('is renewed once, and nobody is admitted with the money of the fee', async () => {
    const { inTransaction, tariffs, organizations, balances, verifier } = of(0)
    await inTransaction(async (em) => {
      const { tariff } = await tariffs.create(em, {
        name: 'Racing',
        pricePerMonth: parseAmount('10.00'),
        maxTeamMembers: null,
        memberPrice: 0n,
        currency: 'USD',
        chargeOnFailure: 'none',
        components: [component('input', { kind: 'input_tokens' }, '1.00')],
        publish: true,
      })
      const terms = { tariffId: tariff.planId, tariffVersion: null, overdraftLimit: 0n }
      await organizations.create(em, { id: 'acme', name: 'acme', currency: 'USD', ...terms })
    })
    await balances.topUp('acme', { amount: parseAmount('50.00'), reference: 'first', note: null })
    expect(await admitOne(0)).toBe('admitted')
    clock.set('2026-02-28T00:00:00Z')
    const renewals = Array.from({ length: 20 }, (_, index) => of(index).organizations.renew('acme'))
    const reasons = await Promise.all(Array.from({ length: JOBS }, (_, index) => admitOne(index)))
    await Promise.all(renewals)
    // 50 less two fees and the job of January leave 29 jobs of 1.00.
    expect(reasons.filter((reason) => reason === 'admitted')).toHaveLength(29)
    expect(reasons.filter((reason) => reason === 'insufficient')).toHaveLength(JOBS - 29)
    const fees = await world.database.query(
      `select business_key from tollkeeper.ledger_entries where kind = 'plan_fee' order by seq`,
    )
    expect(fees.map((row) => row.business_key)).toEqual(['plan_fee:acme:1', 'plan_fee:acme:2'])
    await expectBooksToBalance(world.database)
    expect(await verifier.verify()).toMatchObject({ ok: true, violations: [] })
  })
})
