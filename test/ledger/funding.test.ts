import { describe, expect, it } from 'vitest'
import type { Calls } from '../../src/ledger/calls.ts'
import { NANO_MAX } from '../../src/pricing/money.ts'
import type { World } from './world.ts'
import { about, admitted, ORG, parked, topUp, worldOf } from './world-fixtures.ts'
import { expectSound } from './world-invariants.ts'

const adjust = (world: World, fields: Partial<Calls['adjust']> = {}) =>
  world.run('adjust', {
    organizationId: ORG,
    amount: 10n,
    direction: 'debit',
    reference: 'fix',
    note: 'why',
    ...fields,
  })

describe('a top-up', () => {
  it('puts money in and shows the balance as it stands afterwards', () => {
    const world = worldOf({ available: 0n })
    const call = { organizationId: ORG, amount: 10n, reference: 'invoice-17', note: 'thanks' }
    const funding = world.run('top_up', call)
    expect(funding).toMatchObject({
      kind: 'funded',
      replayed: false,
      seq: 1,
      amount: 10n,
      createdAt: world.now,
      resumed: [],
    })
    expect(funding).toHaveProperty('details', {
      note: 'thanks',
      direction: null,
      resumedJobs: [],
      activatedMembers: [],
      balance: {
        currency: 'USD',
        available: 10n,
        held: 0n,
        overdraftLimit: 0n,
        seatsUsed: 0,
        seatsPaid: 0,
        maxTeamMembers: 5,
        parked: 0,
        asOfSeq: 1,
      },
    })
    expect(world.ledger(ORG)).toMatchObject([
      { kind: 'top_up', debit: 'funding', credit: 'available', amount: 10n, reference: 'invoice-17', currency: 'USD' },
    ])
    expectSound(world)
  })

  it('made again answers what it answered then, though the balance has moved on, and resumes nothing', () => {
    const world = worldOf({ available: 0n })
    parked(world, 'j')
    const first = topUp(world, 105n, 'invoice-17')
    expect(first).toMatchObject({ details: { resumedJobs: ['j'] }, resumed: [{ jobId: 'j' }] })
    about(world, 'cancel', 'j')
    parked(world, 'k')
    world.organization(ORG).overdraftLimit = 1_000n
    const { seq, available } = world.organization(ORG)
    expect(topUp(world, 105n, 'invoice-17')).toEqual({ ...first, replayed: true, resumed: [] })
    expect(world.organization(ORG)).toMatchObject({ seq, available })
    expect(world.job('k').state).toBe('rejected_for_balance')
  })

  it('is paid once where the same reference comes many times in one batch', () => {
    const world = worldOf({ available: 0n })
    const call = { kind: 'top_up', organizationId: ORG, amount: 7n, reference: 'invoice-17', note: null } as const
    const verdicts = world.batch(Array.from({ length: 50 }, () => call))
    expect(verdicts.filter((verdict) => !(verdict as { replayed: boolean }).replayed)).toHaveLength(1)
    expect(world.organization(ORG)).toMatchObject({ available: 7n, seq: 1 })
  })

  it('of another amount under a used reference conflicts and moves nothing', () => {
    const world = worldOf({ available: 0n })
    topUp(world, 105n, 'invoice-17')
    const before = world.snapshot()
    expect(topUp(world, 106n, 'invoice-17')).toEqual({ kind: 'conflict', amount: 105n })
    expect(world.snapshot()).toEqual(before)
  })

  it('counts the parked jobs of its own batch: those parked, cancelled and resumed before it', () => {
    const world = worldOf({ available: 0n })
    for (const id of ['j', 'k', 'l']) parked(world, id)
    const [, funding] = world.batch([
      { kind: 'cancel', organizationId: ORG, jobId: 'j' },
      { kind: 'top_up', organizationId: ORG, amount: 105n, reference: 'invoice-17', note: null },
    ])
    expect(funding).toMatchObject({ details: { resumedJobs: ['k'], balance: { parked: 1 } } })
    expect(world.parked(ORG).map((job) => job.id)).toEqual(['l'])
  })

  it('to a frozen organisation arrives, and resumes nothing', () => {
    const world = worldOf({ available: 0n, status: 'frozen' })
    parked(world, 'j')
    expect(topUp(world, 500n, 'more')).toMatchObject({ kind: 'funded', details: { resumedJobs: [] } })
    expect(world.organization(ORG)).toMatchObject({ available: 500n, held: 0n })
    expect(world.job('j').rejection).toMatchObject({ reason: 'frozen', missing: 0n, available: 500n })
    expectSound(world)
  })

  it('fills a balance up to the largest amount, and is refused above it', () => {
    const world = worldOf({ available: 10n })
    expect(topUp(world, NANO_MAX - 10n, 'all there is')).toMatchObject({ kind: 'funded' })
    const before = world.snapshot()
    expect(topUp(world, 1n, 'one more')).toEqual({ kind: 'too-much' })
    expect(adjust(world, { direction: 'credit', amount: 1n })).toEqual({ kind: 'too-much' })
    expect(world.snapshot()).toEqual(before)
  })

  it('shares its reference with no other organisation and with no adjustment', () => {
    const world = worldOf({ available: 0n })
    topUp(world, 5n, 'fix')
    expect(adjust(world, { amount: 4n })).toMatchObject({ kind: 'funded', replayed: false })
    expect(world.organization(ORG).available).toBe(1n)
  })
})

describe('an adjustment', () => {
  it('credits and debits by hand, and says which', () => {
    const world = worldOf({ available: 100n })
    expect(adjust(world)).toMatchObject({ kind: 'funded', amount: 10n, details: { direction: 'debit', note: 'why' } })
    expect(adjust(world, { direction: 'credit', reference: 'back', amount: 3n })).toMatchObject({
      kind: 'funded',
      seq: 3,
    })
    expect(world.organization(ORG).available).toBe(93n)
    expect(world.ledger(ORG).slice(1)).toMatchObject([
      { kind: 'adjustment', debit: 'available', credit: 'adjustment', businessKey: `adjustment:${ORG}:fix` },
      { kind: 'adjustment', debit: 'adjustment', credit: 'available', businessKey: `adjustment:${ORG}:back` },
    ])
    expectSound(world)
  })

  it('takes the last unit above the limit, and refuses one more', () => {
    const world = worldOf({ available: 100n, overdraft: 20n })
    expect(adjust(world, { amount: 121n })).toEqual({ kind: 'refused', available: 100n })
    expect(world.ledger(ORG)).toHaveLength(1)
    expect(adjust(world, { amount: 120n })).toMatchObject({ kind: 'funded' })
    expect(world.organization(ORG).available).toBe(-20n)
    expectSound(world)
  })

  it('never touches what is held', () => {
    const world = worldOf({ available: 105n })
    admitted(world, 'j')
    expect(adjust(world, { amount: 1n })).toEqual({ kind: 'refused', available: 0n })
    expect(world.organization(ORG).held).toBe(100n)
  })

  it('made again answers the same; with another amount or direction it conflicts', () => {
    const world = worldOf({ available: 100n })
    const first = adjust(world)
    const before = world.snapshot()
    expect(adjust(world)).toEqual({ ...first, replayed: true })
    expect(adjust(world, { amount: 11n })).toEqual({ kind: 'conflict', amount: 10n })
    expect(adjust(world, { direction: 'credit' })).toEqual({ kind: 'conflict', amount: 10n })
    expect(world.snapshot()).toEqual(before)
  })

  it('that credits resumes what then fits', () => {
    const world = worldOf({ available: 0n })
    parked(world, 'j')
    expect(adjust(world, { direction: 'credit', amount: 105n })).toMatchObject({ resumed: [{ jobId: 'j' }] })
    expectSound(world)
  })
})
