import { describe, expect, it } from 'vitest'
import type { World } from './world.ts'
import { ORG, plainTariff, topUp, usd, worldOf } from './world-fixtures.ts'
import { expectSound } from './world-invariants.ts'

let operations = 0
const add = (world: World, userId: string) =>
  world.run('add_member', { organizationId: ORG, userId, role: 'member', operation: `op-${++operations}` })
const remove = (world: World, userId: string) => world.run('remove_member', { organizationId: ORG, userId })

/** An organisation of a 30-day month, looked at when half of it is over. */
function halfMonth(available: bigint): World {
  const world = worldOf({ available })
  const periodStart = Date.UTC(2026, 3, 1)
  const periodEnd = Date.UTC(2026, 4, 1)
  Object.assign(world.organization(ORG), { periodAnchor: periodStart, periodStart, periodEnd })
  for (const row of world.periodsOf(ORG)) Object.assign(row, { start: periodStart, end: periodEnd })
  world.now = Date.UTC(2026, 3, 16)
  return world
}

describe('a seat', () => {
  it('costs the rest of its period: half a month of 19.99 is 9.995', () => {
    const world = halfMonth(usd('10.00'))
    expect(add(world, 'u1')).toMatchObject({
      kind: 'added',
      currency: 'USD',
      member: { userId: 'u1', state: 'active', charged: usd('9.995'), needed: null, missing: null, addedAt: world.now },
    })
    expect(world.organization(ORG)).toMatchObject({ available: usd('0.005'), seatsUsed: 1, seatsPaid: 1 })
    expect(world.ledger(ORG).at(-1)).toMatchObject({
      kind: 'seat_fee',
      debit: 'available',
      credit: 'revenue',
      reference: 'u1',
      businessKey: `seat:${ORG}:op-${operations}`,
    })
    expectSound(world)
  })

  it.each<[string, string, string]>([
    ['on the first millisecond of the period', '2026-04-01T00:00:00.000Z', '19.99'],
    ['a millisecond later', '2026-04-01T00:00:00.001Z', '19.989992288'],
    ['a second later', '2026-04-01T00:00:01.000Z', '19.989992288'],
    ['in the middle of a second', '2026-04-16T00:00:00.500Z', '9.994992288'],
    ['a day before its end', '2026-04-30T00:00:00.000Z', '0.666333333'],
    ['a second before its end', '2026-04-30T23:59:59.000Z', '0.000007712'],
    ['within its last second', '2026-04-30T23:59:59.001Z', '0.00'],
    ['on its last millisecond', '2026-04-30T23:59:59.999Z', '0.00'],
  ])('bought %s (%s) costs %s', (_when, at, fee) => {
    const world = halfMonth(usd('20.00'))
    world.now = Date.parse(at)
    expect(add(world, 'u1')).toMatchObject({ member: { charged: usd(fee) } })
    expectSound(world)
  })

  it('that is paid and free costs nothing: seats are sold, not people', () => {
    const world = halfMonth(usd('10.00'))
    add(world, 'u1')
    expect(remove(world, 'u1')).toEqual({ kind: 'removed' })
    expect(world.organization(ORG)).toMatchObject({ seatsUsed: 0, seatsPaid: 1 })
    expect(add(world, 'u2')).toMatchObject({ kind: 'added', member: { state: 'active', charged: 0n } })
    expect(world.organization(ORG)).toMatchObject({ available: usd('0.005'), seatsUsed: 1, seatsPaid: 1 })
    expectSound(world)
  })

  it('goes to the same person again after a removal, also in one batch', () => {
    const world = halfMonth(usd('10.00'))
    add(world, 'u1')
    const member = { organizationId: ORG, userId: 'u1' }
    const [removed, added] = world.batch([
      { kind: 'remove_member', ...member },
      { kind: 'add_member', ...member, role: 'admin', operation: 'again' },
    ])
    expect(removed).toEqual({ kind: 'removed' })
    expect(added).toMatchObject({ kind: 'added', member: { role: 'admin', state: 'active', charged: 0n } })
    expect(world.written?.members).toHaveLength(1)
    expectSound(world)
  })

  it('is charged once: a member added again answers as before', () => {
    const world = halfMonth(usd('30.00'))
    const first = add(world, 'u1')
    const before = world.snapshot()
    expect(add(world, 'u1')).toEqual({ ...first, kind: 'known' })
    expect(world.snapshot()).toEqual(before)
  })

  it('is charged once, however often its member leaves and comes back in a period', () => {
    const world = halfMonth(usd('10.00'))
    for (let time = 0; time < 30; time += 1) {
      expect(add(world, 'u1')).toMatchObject({ kind: 'added', member: { charged: time === 0 ? usd('9.995') : 0n } })
      expect(remove(world, 'u1')).toEqual({ kind: 'removed' })
      world.now += 60_000
    }
    expect(world.ledger(ORG).map(({ kind }) => kind)).toEqual(['top_up', 'seat_fee'])
    expect(world.organization(ORG)).toMatchObject({ available: usd('0.005'), seatsUsed: 0, seatsPaid: 1 })
    expectSound(world)
  })

  it('is refused above the limit of the tariff, however many are added at once', () => {
    const world = halfMonth(usd('1000.00'))
    const verdicts = world.batch(
      Array.from({ length: 200 }, (_, index) => {
        const member = { userId: `u${index}`, role: 'member', operation: `many-${index}` } as const
        return { kind: 'add_member', organizationId: ORG, ...member }
      }),
    ) as readonly { kind: string }[]
    expect(verdicts.filter(({ kind }) => kind === 'added')).toHaveLength(5)
    expect(verdicts.at(-1)).toEqual({ kind: 'seat-limit', limit: 5 })
    expect(world.organization(ORG)).toMatchObject({ seatsUsed: 5, seatsPaid: 5 })
    expect(world.members.size).toBe(5)
    expectSound(world)
  })

  it('is not sold without a tariff, and to no end where the tariff sets no limit', () => {
    const without = worldOf({ plan: null })
    expect(add(without, 'u1')).toEqual({ kind: 'no-tariff' })
    expect(without.members.size).toBe(0)
    const endless = worldOf({ plan: { ...plainTariff, maxTeamMembers: null, memberPrice: 0n } })
    for (let index = 0; index < 50; index++) expect(add(endless, `u${index}`)).toMatchObject({ kind: 'added' })
    expect(endless.organization(ORG).seatsUsed).toBe(50)
  })
})

describe('a member without money', () => {
  it('waits, without a seat and without a charge, until a top-up pays the seat', () => {
    const world = halfMonth(usd('9.00'))
    expect(add(world, 'u1')).toMatchObject({
      kind: 'added',
      member: { state: 'pending_payment', charged: 0n, needed: usd('9.995'), missing: usd('0.995') },
    })
    expect(world.organization(ORG)).toMatchObject({ available: usd('9.00'), seatsUsed: 0, seatsPaid: 0, seq: 1 })
    expect(topUp(world, usd('0.99'), 'too little')).toMatchObject({ details: { activatedMembers: [] } })
    expect(world.member(ORG, 'u1')).toMatchObject({ state: 'pending_payment', missing: usd('0.005') })
    expect(topUp(world, usd('0.005'), 'enough')).toMatchObject({ details: { activatedMembers: ['u1'] } })
    expect(world.member(ORG, 'u1')).toMatchObject({
      state: 'active',
      charged: usd('9.995'),
      needed: null,
      missing: null,
    })
    expect(world.organization(ORG)).toMatchObject({ available: 0n, seatsUsed: 1, seatsPaid: 1 })
    expectSound(world)
  })

  it('pays the price of the day on which the seat is taken, oldest first', () => {
    const world = halfMonth(0n)
    add(world, 'zoe')
    world.now += 1
    add(world, 'adam')
    world.now = Date.UTC(2026, 3, 30)
    expect(topUp(world, usd('1.00'), 'more')).toMatchObject({ details: { activatedMembers: ['zoe'] } })
    expect(world.member(ORG, 'zoe').charged).toBe(usd('0.666333333'))
    expect(world.member(ORG, 'adam')).toMatchObject({ state: 'pending_payment', needed: usd('0.666333333') })
    expectSound(world)
  })

  it('has a place in the limit while it waits, and its paid seat is taken over for nothing', () => {
    const world = worldOf({ plan: { ...plainTariff, maxTeamMembers: 1, memberPrice: 10n }, available: 0n })
    expect(add(world, 'u1')).toMatchObject({ kind: 'added', member: { state: 'pending_payment' } })
    expect(add(world, 'u2'), 'the one place is waited for').toEqual({ kind: 'seat-limit', limit: 1 })
    expect(topUp(world, 100n, 'more')).toMatchObject({ details: { activatedMembers: ['u1'] } })
    remove(world, 'u1')
    expect(add(world, 'u2')).toMatchObject({ kind: 'added', member: { state: 'active', charged: 0n } })
    expectSound(world)
  })

  it('waits on where the limit was lowered before there was money', () => {
    const plan = { ...plainTariff, maxTeamMembers: 2, memberPrice: 10n }
    const world = worldOf({ plan, available: 0n })
    for (const id of ['u1', 'u2']) add(world, id)
    plan.maxTeamMembers = 1
    expect(topUp(world, 100n, 'more')).toMatchObject({ details: { activatedMembers: ['u1'] } })
    expect(world.member(ORG, 'u2').state).toBe('pending_payment')
    remove(world, 'u1')
    expect(world.run('wake', { organizationId: ORG, jobId: null, scope: 'all', after: null }).members).toEqual(['u2'])
    expect(world.member(ORG, 'u2').charged, 'the seat was paid').toBe(0n)
    expectSound(world)
  })

  it('gets no seat while spending is stopped, though the money is there', () => {
    const world = worldOf({ status: 'frozen', plan: { ...plainTariff, memberPrice: 10n } })
    expect(add(world, 'u1')).toMatchObject({ member: { state: 'pending_payment', missing: 0n } })
    expect(world.organization(ORG)).toMatchObject({ available: 1_000n, seatsUsed: 0 })
  })

  it('leaves its place in the limit to somebody else when it is removed, uncharged', () => {
    const world = worldOf({ plan: { ...plainTariff, maxTeamMembers: 2, memberPrice: usd('1.00') }, available: 0n })
    for (const id of ['u1', 'u2']) add(world, id)
    expect(add(world, 'u3')).toEqual({ kind: 'seat-limit', limit: 2 })
    for (let time = 0; time < 30; time += 1) {
      expect(remove(world, 'u1')).toEqual({ kind: 'removed' })
      expect(add(world, 'u1')).toMatchObject({ member: { state: 'pending_payment', charged: 0n } })
      world.now += 1
    }
    remove(world, 'u1')
    expect(add(world, 'u3')).toMatchObject({ kind: 'added', member: { state: 'pending_payment' } })
    expect(world.ledger(ORG)).toEqual([])
    expect(topUp(world, usd('2.00'), 'more')).toMatchObject({ details: { activatedMembers: ['u2', 'u3'] } })
    expect(world.organization(ORG)).toMatchObject({ seatsUsed: 2, seatsPaid: 2 })
    expectSound(world)
  })

  it('may be removed, and frees no seat by it', () => {
    const world = halfMonth(0n)
    add(world, 'u1')
    expect(remove(world, 'u1')).toEqual({ kind: 'removed' })
    expect(world.organization(ORG)).toMatchObject({ seatsUsed: 0, seatsPaid: 0 })
    expect(topUp(world, usd('100.00'), 'more')).toMatchObject({ details: { activatedMembers: [] } })
    expectSound(world)
  })
})

describe('a removal', () => {
  it('of a stranger, or a second time, changes nothing', () => {
    const world = halfMonth(usd('10.00'))
    add(world, 'u1')
    remove(world, 'u1')
    const before = world.snapshot()
    expect(remove(world, 'u1')).toEqual({ kind: 'unknown' })
    expect(remove(world, 'nobody')).toEqual({ kind: 'unknown' })
    expect(world.snapshot()).toEqual(before)
  })
})
