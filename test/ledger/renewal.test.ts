import { describe, expect, it } from 'vitest'
import { unusedShare } from '../../src/ledger/period.ts'
import type { Tariff } from '../../src/pricing/tariff.ts'
import type { World } from './world.ts'
import { ORG, parked, plainTariff, topUp, usd, worldOf } from './world-fixtures.ts'
import { expectSound } from './world-invariants.ts'

const day = (text: string): number => Date.parse(`${text}T00:00:00.000Z`)
const monthly = (fields: Partial<Tariff> = {}): Tariff => ({
  ...plainTariff,
  pricePerMonth: usd('10.00'),
  memberPrice: usd('2.00'),
  ...fields,
})
const renew = (world: World, at: string) => {
  world.now = day(at)
  const verdict = world.run('renew', { organizationId: ORG })
  expectSound(world)
  return verdict
}
const fees = (world: World) =>
  world.ledger(ORG).flatMap(({ kind, amount, reference }) => {
    return kind === 'plan_fee' || kind === 'seat_fee' || kind === 'reversal' ? [[kind, amount, reference]] : []
  })

describe('a renewal', () => {
  it('charges the plan and the occupied seats on the day of the anchor, once', () => {
    const world = worldOf({ plan: monthly({ memberPrice: 0n }), available: usd('100.00') })
    for (const userId of ['u1', 'u2']) {
      world.run('add_member', { organizationId: ORG, userId, role: 'member', operation: userId })
    }
    world.tariffs.set(plainTariff.versionId, monthly())
    expect(renew(world, '2026-01-31')).toEqual({ status: 'active', owed: 0n })
    expect(fees(world)).toEqual([])
    expect(renew(world, '2026-02-01')).toEqual({ status: 'active', owed: 0n })
    renew(world, '2026-02-01')
    renew(world, '2026-02-28')
    expect(fees(world)).toEqual([
      ['plan_fee', usd('10.00'), '2026-02-01'],
      ['seat_fee', usd('4.00'), '2026-02-01, 2 seats'],
    ])
    expect(world.organization(ORG)).toMatchObject({ available: usd('86.00'), periodNumber: 2, dueSince: null })
  })

  it('of three boundaries in which nobody looked charges each period once, as far as money reaches', () => {
    const world = worldOf({ plan: monthly(), available: usd('25.00') })
    expect(renew(world, '2026-04-03')).toEqual({ status: 'active', owed: usd('10.00') })
    expect(fees(world)).toEqual([
      ['plan_fee', usd('10.00'), '2026-02-01'],
      ['plan_fee', usd('10.00'), '2026-03-01'],
    ])
    expect(world.organization(ORG)).toMatchObject({
      available: usd('5.00'),
      periodNumber: 4,
      dueSince: day('2026-04-01'),
      statusUntil: day('2026-04-08'),
    })
  })

  it('says the same whether somebody looked every day or only at the end', () => {
    const watched = worldOf({ plan: monthly(), available: usd('15.00') })
    const forgotten = worldOf({ plan: monthly(), available: usd('15.00') })
    for (let at = day('2026-01-20'); at <= day('2026-06-20'); at += 86_400_000) {
      watched.now = at
      watched.run('renew', { organizationId: ORG })
    }
    renew(forgotten, '2026-06-20')
    const told = ({ organizations, periods }: World) => [
      organizations.get(ORG),
      [...periods.values()].map(({ closedAt, paidAt, ...row }) => [row, closedAt === null, paidAt === null]),
    ]
    expect(told(forgotten)).toEqual(told(watched))
    expect(fees(forgotten)).toEqual(fees(watched))
  })
})

describe('a fee that nobody pays', () => {
  it('leaves everything as it is for the days of grace, then parks jobs, then makes no further fees', () => {
    const world = worldOf({ plan: monthly({ graceDays: 3, suspendAfterDays: 40 }), available: usd('1.00') })
    expect(renew(world, '2026-02-01')).toEqual({ status: 'active', owed: usd('10.00') })
    expect(renew(world, '2026-02-03')).toMatchObject({ status: 'active' })
    expect(renew(world, '2026-02-04')).toMatchObject({ status: 'past_due' })
    parked(world, 'j')
    expect(world.job('j').rejection).toMatchObject({ reason: 'past_due', missing: 0n })
    expect(renew(world, '2026-03-01')).toEqual({ status: 'past_due', owed: usd('20.00') })
    expect(renew(world, '2026-03-16')).toMatchObject({ status: 'suspended' })
    expect(renew(world, '2026-08-16')).toEqual({ status: 'suspended', owed: usd('20.00') })
    expect(world.job('j')).toMatchObject({ state: 'rejected_for_balance' })
    expect(world.organization(ORG)).toMatchObject({ available: usd('1.00'), seq: 1 })
  })

  it('is paid by the first money that covers it, before seats and jobs, and then these go on', () => {
    const world = worldOf({ plan: monthly({ graceDays: 0 }), available: 0n })
    expect(renew(world, '2026-02-01')).toEqual({ status: 'past_due', owed: usd('10.00') })
    parked(world, 'j')
    expect(topUp(world, usd('9.99'), 'short')).toMatchObject({ details: { resumedJobs: [] } })
    expect(world.organization(ORG)).toMatchObject({ status: 'past_due', available: usd('9.99') })
    expect(topUp(world, usd('0.02'), 'enough')).toMatchObject({ details: { resumedJobs: ['j'] } })
    expect(world.organization(ORG)).toMatchObject({ status: 'active', dueSince: null, statusUntil: null })
    expect(fees(world)).toEqual([['plan_fee', usd('10.00'), '2026-02-01']])
    expectSound(world)
  })

  it('is paid whole or not at all: money for the plan alone pays neither plan nor seats', () => {
    const world = worldOf({ plan: monthly(), available: usd('12.00') })
    world.run('add_member', { organizationId: ORG, userId: 'u1', role: 'member', operation: 'u1' })
    const { available } = world.organization(ORG)
    expect(renew(world, '2026-02-01')).toEqual({ status: 'active', owed: usd('12.00') })
    expect(world.organization(ORG)).toMatchObject({ available, dueSince: day('2026-02-01') })
    expect(fees(world).filter(([kind]) => kind === 'plan_fee')).toEqual([])
  })

  it('may be paid out of the overdraft', () => {
    const world = worldOf({ plan: monthly(), available: 0n, overdraft: usd('10.00') })
    expect(renew(world, '2026-02-01')).toEqual({ status: 'active', owed: 0n })
    expect(world.organization(ORG).available).toBe(-usd('10.00'))
  })

  it('of two periods is paid oldest first; with the rest within its grace the organisation is active', () => {
    const world = worldOf({ plan: monthly({ graceDays: 5 }), available: 0n })
    renew(world, '2026-03-02')
    expect(world.organization(ORG).status).toBe('past_due')
    topUp(world, usd('10.00'), 'one of two')
    expect(world.organization(ORG)).toMatchObject({
      status: 'active',
      available: 0n,
      dueSince: day('2026-03-01'),
      statusUntil: day('2026-03-06'),
    })
    expectSound(world)
  })

  it('brings a suspended organisation back when all is paid: a new subscription begins on that day', () => {
    const world = worldOf({ plan: monthly({ graceDays: 1, suspendAfterDays: 1 }), available: 0n })
    expect(renew(world, '2026-05-20')).toEqual({ status: 'suspended', owed: usd('10.00') })
    topUp(world, usd('25.00'), 'back')
    expect(world.organization(ORG)).toMatchObject({
      status: 'active',
      available: usd('5.00'),
      periodStart: day('2026-05-20'),
      periodEnd: day('2026-06-20'),
    })
    expect(fees(world)).toEqual([
      ['plan_fee', usd('10.00'), '2026-02-01'],
      ['plan_fee', usd('10.00'), '2026-05-20'],
    ])
    expectSound(world)
  })

  it('moves no money of a frozen organisation', () => {
    const world = worldOf({ plan: monthly({ graceDays: 1 }), available: usd('50.00'), status: 'frozen' })
    expect(renew(world, '2026-03-20')).toEqual({ status: 'frozen', owed: usd('20.00') })
    expect(fees(world)).toEqual([])
  })
})

describe('another tariff', () => {
  const other: Tariff = { ...plainTariff, planId: 'other', versionId: 'other-1', pricePerMonth: usd('31.00') }
  const change = (world: World, tariff: Tariff, at: string | null) => {
    world.tariffs.set(tariff.versionId, tariff)
    const nextTariffAt = at === null ? null : day(at)
    Object.assign(world.organization(ORG), { nextTariffVersionId: tariff.versionId, nextTariffAt })
  }

  it('of the same plan waits for the renewal, and costs from there on what it says', () => {
    const world = worldOf({ plan: monthly(), available: usd('50.00') })
    change(world, monthly({ versionId: 'v2', version: 2, pricePerMonth: usd('12.00') }), null)
    renew(world, '2026-01-20')
    expect(world.organization(ORG)).toMatchObject({ tariffVersionId: plainTariff.versionId })
    renew(world, '2026-02-01')
    expect(world.organization(ORG)).toMatchObject({ tariffVersionId: 'v2', nextTariffVersionId: null })
    expect(fees(world)).toEqual([['plan_fee', usd('12.00'), '2026-02-01']])
  })

  it('of another plan begins on its day, and gives back the unused rest of what was paid', () => {
    const world = worldOf({ plan: monthly({ pricePerMonth: usd('28.00') }), available: usd('100.00') })
    renew(world, '2026-02-01')
    change(world, other, '2026-02-22')
    renew(world, '2026-02-22')
    expect(fees(world)).toEqual([
      ['plan_fee', usd('28.00'), '2026-02-01'],
      ['reversal', usd('7.00'), '2026-02-22'],
      ['plan_fee', usd('31.00'), '2026-02-22'],
    ])
    expect(world.organization(ORG)).toMatchObject({
      available: usd('48.00'),
      periodNumber: 3,
      periodStart: day('2026-02-22'),
      periodEnd: day('2026-03-22'),
    })
  })

  it('leaves of a fee that was not paid the used share', () => {
    const world = worldOf({ plan: monthly({ pricePerMonth: usd('28.00') }), available: 0n })
    renew(world, '2026-02-01')
    change(world, { ...other, pricePerMonth: 0n }, '2026-02-08')
    expect(renew(world, '2026-02-08')).toEqual({ status: 'past_due', owed: usd('7.00') })
    topUp(world, usd('7.00'), 'what was used')
    expect(world.organization(ORG)).toMatchObject({ status: 'active', available: 0n })
    expectSound(world)
  })

  it('that the team has outgrown is not taken: the old one goes on', () => {
    const world = worldOf({ plan: monthly({ memberPrice: 0n }), available: usd('50.00') })
    for (const userId of ['u1', 'u2']) {
      world.run('add_member', { organizationId: ORG, userId, role: 'member', operation: userId })
    }
    change(world, monthly({ versionId: 'small', maxTeamMembers: 1 }), null)
    renew(world, '2026-02-01')
    expect(world.organization(ORG)).toMatchObject({
      tariffVersionId: plainTariff.versionId,
      nextTariffVersionId: null,
      seatsUsed: 2,
    })
  })
})

describe('the unused share of a fee', () => {
  const april = { start: day('2026-04-01'), end: day('2026-05-01') }
  it.each([
    ['30.00', '2026-04-01T00:00:00.000Z', '30.00'],
    ['30.00', '2026-04-01T00:00:00.001Z', '29.999988426'],
    ['30.00', '2026-04-16T00:00:00.000Z', '15.00'],
    ['30.00', '2026-04-30T23:59:59.001Z', '0'],
    ['30.00', '2026-05-02T00:00:00.000Z', '0'],
  ])('of %s at %s is %s', (amount, at, share) => {
    expect(unusedShare(usd(amount), april, Date.parse(at))).toBe(usd(share))
  })
})
