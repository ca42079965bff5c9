import { describe, expect, it } from 'vitest'
import { newId } from '../../src/foundation/ids.ts'
import type { Calls, Verdicts } from '../../src/ledger/calls.ts'
import type { OrganizationRow } from '../../src/ledger/facts.ts'
import { NANO_MAX } from '../../src/pricing/money.ts'
import type { Tariff } from '../../src/pricing/tariff.ts'
import { component, tariff } from '../pricing/tariff-fixtures.ts'
import type { World } from './world.ts'
import { addOrganization, admitted, DAY_MS, ORG, parked, topUp, worldOf } from './world-fixtures.ts'
import { expectSound } from './world-invariants.ts'

/** A page costs ten nano-units beyond two that are free, a search nothing, a report fifty whatever its length. */
const PLAN: Tariff = tariff(
  component({ key: 'pages', kind: 'feature', feature: 'ocr-page', price: 10n, included: 2 }),
  component({ key: 'searches', kind: 'feature', feature: 'search', price: 0n }),
  component({ key: 'reports', kind: 'feature', feature: 'report', model: 'flat', price: 50n }),
  component({ key: 'huge', kind: 'feature', feature: 'huge', price: NANO_MAX }),
  component({ key: 'input', kind: 'input_tokens', price: 1n, per: 1 }),
)

type Charge = Partial<Calls['charge_feature']>

const callOf = (charge: Charge): Calls['charge_feature'] => {
  const defaults = { organizationId: ORG, feature: 'ocr-page', quantity: 3, key: 'scan-1', userId: null }
  return { id: newId(), ...defaults, ...charge }
}

function charge(world: World, call: Charge = {}): Verdicts['charge_feature'] {
  const verdict = world.run('charge_feature', callOf(call))
  expectSound(world)
  return verdict
}

const pages = (world: World) => world.counters.get(`${ORG} ${PLAN.planId} pages ${world.organization(ORG).periodStart}`)

describe('the charge of a feature', () => {
  it('takes the money from what is available, advances the counter, and says behind which entry it stands', () => {
    const world = worldOf({ plan: PLAN, available: 100n })
    const verdict = charge(world, { userId: null })
    expect(verdict).toMatchObject({
      kind: 'charged',
      replayed: false,
      tariff: { planId: PLAN.planId, version: 1 },
      charge: {
        organizationId: ORG,
        key: 'scan-1',
        feature: 'ocr-page',
        quantity: 3,
        tariffVersionId: PLAN.versionId,
        line: { component: 'pages', includedUsed: 2, billedQuantity: 1, amount: 10n, writtenOff: 0n, ledgerSeq: 2 },
        balance: { available: 90n, held: 0n, asOfSeq: 2, parked: 0 },
      },
    })
    const [, entry] = world.ledger(ORG)
    expect(entry).toMatchObject({
      kind: 'feature',
      debit: 'available',
      credit: 'revenue',
      amount: 10n,
      businessKey: `feature:${ORG}:scan-1`,
      component: 'pages',
      reference: 'scan-1',
      jobId: null,
    })
    expect(pages(world)).toMatchObject({ used: 3, includedUsed: 2, reserved: 0 })
  })

  it('is made once under its key: again it answers what is stored, whatever the balance and the prices are now', () => {
    const world = worldOf({ plan: PLAN, available: 100n })
    const first = charge(world)
    world.organization(ORG).status = 'frozen'
    world.tariffs.set('other', { ...PLAN, planId: 'other', versionId: 'other', version: 9, components: [] })
    world.organization(ORG).tariffVersionId = 'other'
    const before = world.snapshot()
    expect(charge(world)).toEqual({ ...first, replayed: true })
    expect(world.snapshot()).toEqual(before)
  })

  it('is made once also where it costs nothing and no entry says so', () => {
    const world = worldOf({ plan: PLAN, available: 0n })
    const first = charge(world, { quantity: 2 })
    expect(first).toMatchObject({ kind: 'charged', charge: { line: { amount: 0n, ledgerSeq: null } } })
    expect(charge(world, { quantity: 2 })).toEqual({ ...first, replayed: true })
    expect([pages(world)?.used, world.ledger(ORG)]).toEqual([2, []])
  })

  it('that was made by this very call is no replay: its answer was lost behind COMMIT', () => {
    const world = worldOf({ plan: PLAN, available: 100n })
    const id = newId()
    const first = charge(world, { id })
    const before = world.snapshot()
    expect(charge(world, { id })).toEqual(first)
    expect(world.snapshot()).toEqual(before)
  })

  it.each<[string, Charge]>([
    ['another quantity', { quantity: 4 }],
    ['another feature', { feature: 'search' }],
    ['another user', { userId: 'u1' }],
  ])('of %s under a used key is a conflict', (_what, other) => {
    const world = worldOf({ plan: PLAN, available: 100n })
    world.run('add_member', { organizationId: ORG, userId: 'u1', role: 'member', operation: 'o1' })
    charge(world)
    const before = world.snapshot()
    expect(charge(world, other)).toMatchObject({ kind: 'conflict', charge: { feature: 'ocr-page', quantity: 3 } })
    expect(world.snapshot()).toEqual(before)
  })

  it('under the same key of another organisation is another charge', () => {
    const world = worldOf({ plan: PLAN, available: 100n })
    addOrganization(world, { id: 'rival', plan: PLAN, available: 100n })
    charge(world)
    expect(charge(world, { organizationId: 'rival' })).toMatchObject({ kind: 'charged', replayed: false })
    expect([world.organization(ORG).available, world.organization('rival').available]).toEqual([90n, 90n])
  })

  it('of one key, twice in a batch, is one charge; two keys share the free units as one after the other', () => {
    const world = worldOf({ plan: PLAN, available: 100n })
    const verdicts = world.batch([
      { kind: 'charge_feature', ...callOf({}) },
      { kind: 'charge_feature', ...callOf({}) },
      { kind: 'charge_feature', ...callOf({ key: 'scan-2' }) },
    ])
    expectSound(world)
    expect(verdicts).toMatchObject([
      { replayed: false, charge: { line: { amount: 10n } } },
      { replayed: true, charge: { line: { amount: 10n } } },
      { replayed: false, charge: { line: { amount: 30n, counterBefore: 3, counterAfter: 6 } } },
    ])
  })

  it('of a feature that the tariff does not price costs nothing, and is kept', () => {
    const world = worldOf({ plan: PLAN, available: 5n })
    const verdict = charge(world, { feature: 'orc-page' })
    expect(verdict).toMatchObject({ kind: 'charged', charge: { line: { component: null, amount: 0n } } })
    expect([world.counters.size, world.featureCharges.size, world.ledger(ORG).length]).toEqual([0, 1, 1])
  })
})

describe('the charge of a feature is refused', () => {
  it.each<[string, Charge, Partial<OrganizationRow>, object]>([
    [
      'for want of money',
      { quantity: 13 },
      {},
      { reason: 'insufficient', needed: 110n, available: 100n, missing: 10n },
    ],
    ['while frozen', {}, { status: 'frozen' }, { reason: 'frozen', needed: 10n, available: 100n, missing: 0n }],
    ['while suspended', {}, { status: 'suspended' }, { reason: 'past_due' }],
    ['while past due', {}, { status: 'past_due' }, { reason: 'past_due' }],
    ['while frozen, though it is free', { quantity: 1 }, { status: 'frozen' }, { reason: 'frozen', needed: 0n }],
  ])('%s, with its figures, and nothing is kept', (_what, call, row, expected) => {
    const world = worldOf({ plan: PLAN, available: 100n })
    Object.assign(world.organization(ORG), row)
    const before = world.snapshot()
    expect(charge(world, call)).toMatchObject({ kind: 'refused', currency: 'USD', ...expected })
    expect(world.snapshot()).toEqual(before)
  })

  it('where running jobs hold the money, which is said', () => {
    const world = worldOf({ plan: PLAN, available: 100n })
    admitted(world, 'job', {}, { input: 5 })
    Object.assign(world.organization(ORG), { available: 5n, held: 95n })
    const verdict = world.run('charge_feature', callOf({}))
    expect(verdict).toMatchObject({ kind: 'refused', reason: 'held_by_others', needed: 10n, missing: 5n })
  })

  it('and the same key is charged once the money is there', () => {
    const world = worldOf({ plan: PLAN, available: 9n })
    expect(charge(world)).toMatchObject({ kind: 'refused', missing: 1n })
    topUp(world, 1n, 'one more')
    expect(charge(world)).toMatchObject({ kind: 'charged', replayed: false })
    expect(world.organization(ORG).available).toBe(0n)
  })

  it('to the unit at the limit of the overdraft, and no further', () => {
    const world = worldOf({ plan: PLAN, available: 0n, overdraft: 60n })
    expect(charge(world, { feature: 'report', key: 'a' })).toMatchObject({ kind: 'charged' })
    expect(charge(world, { quantity: 3, key: 'b' })).toMatchObject({ kind: 'charged' })
    expect(charge(world, { quantity: 1, key: 'c' })).toMatchObject({ kind: 'refused', needed: 10n, missing: 10n })
    expect(world.organization(ORG).available).toBe(-60n)
  })

  it('without a tariff, and for whoever is no active member', () => {
    const bare = worldOf({ plan: null, available: 100n })
    expect(charge(bare)).toEqual({ kind: 'no-tariff' })
    const world = worldOf({ plan: PLAN, available: 100n })
    expect(charge(world, { userId: 'u1' })).toEqual({ kind: 'not-a-member' })
    world.run('add_member', { organizationId: ORG, userId: 'u1', role: 'member', operation: 'o1' })
    expect(world.member(ORG, 'u1').state).toBe('pending_payment')
    expect(charge(world, { userId: 'u1' })).toEqual({ kind: 'not-a-member' })
    expect([world.featureCharges.size, world.ledger(ORG).length]).toEqual([0, 1])
  })

  it('where it cannot be counted or paid by any balance', () => {
    const world = worldOf({ plan: PLAN, available: 100n })
    const most = Number.MAX_SAFE_INTEGER
    charge(world, { feature: 'search', quantity: most, key: 'all of them' })
    const before = world.snapshot()
    expect(charge(world, { feature: 'search', quantity: 1 })).toEqual({ kind: 'too-much' })
    expect(charge(world, { feature: 'huge', quantity: 2 })).toEqual({ kind: 'too-much' })
    expect(charge(world, { feature: 'huge', quantity: 1 })).toMatchObject({ kind: 'refused', needed: NANO_MAX })
    expect(world.snapshot()).toEqual(before)
  })
})

describe('around the charge of a feature', () => {
  it('a new period begins with its free units, and the counters of the last one stay', () => {
    const world = worldOf({ plan: PLAN, available: 100n })
    charge(world)
    const old = structuredClone(pages(world))
    const { periodEnd } = world.organization(ORG)
    world.now = periodEnd + DAY_MS
    expect(charge(world, { key: 'scan-2', quantity: 2 })).toMatchObject({
      charge: { periodStart: periodEnd, line: { counterBefore: 0, includedUsed: 2, amount: 0n } },
    })
    expect([...world.counters.values()]).toContainEqual(old)
    expect(pages(world)).toMatchObject({ used: 2, periodStart: periodEnd })
  })

  it('parked jobs stay parked, nobody is woken, and running jobs keep their holds and grants', () => {
    const world = worldOf({ plan: PLAN, available: 100n })
    admitted(world, 'running', {}, { input: 5, output: 0 })
    parked(world, 'waiting', {}, { input: 500 })
    const { jobs, stages, holds } = structuredClone({ jobs: world.jobs, stages: world.stages, holds: world.holds })
    expect(charge(world)).toMatchObject({ kind: 'charged', charge: { balance: { parked: 1 } } })
    expect(world.written).toMatchObject({ wake: [], wakeAll: [], changed: [], jobs: [], holds: [], stages: [] })
    expect({ jobs: world.jobs, stages: world.stages, holds: world.holds }).toEqual({ jobs, stages, holds })
  })
})
