import { describe, expect, it } from 'vitest'
import { NotFoundError } from '../../src/foundation/errors.ts'
import { fold, unknownOrganization } from '../../src/ledger/fold.ts'
import { addJob, addOrganization, admitCall, admitted, ORG, parked, topUp, usd, worldOf } from './world-fixtures.ts'
import { expectSound } from './world-invariants.ts'

const month = (index: number): number => Date.UTC(2026, index, 1)

describe('a batch', () => {
  it('answers each call in its place; an unknown organisation is one caller’s own error', () => {
    const world = worldOf()
    addJob(world, 'j')
    const [missing, admitted] = world.batch([
      { kind: 'top_up', organizationId: 'nobody', amount: 1n, reference: 'r', note: null },
      { kind: 'admit', ...admitCall(world, 'j') },
    ])
    expect(missing).toBeInstanceOf(NotFoundError)
    expect(missing).toMatchObject({ code: 'not-found', status: 404, message: unknownOrganization('nobody').message })
    expect(unknownOrganization('nobody').message).toContain('tollkeeper top-up nobody 10.00')
    expect(admitted).toMatchObject({ kind: 'admitted' })
    expectSound(world)
  })

  it('lets each call see what the earlier ones did', () => {
    const world = worldOf({ available: 150n })
    for (const id of ['j', 'k']) addJob(world, id)
    const verdicts = world.batch([
      { kind: 'admit', ...admitCall(world, 'j') },
      { kind: 'admit', ...admitCall(world, 'k') },
      { kind: 'cancel', organizationId: ORG, jobId: 'j' },
      { kind: 'wake', organizationId: ORG, jobId: 'k', scope: 'all', after: null },
    ])
    expect(verdicts).toMatchObject([
      { kind: 'admitted' },
      { kind: 'refused', rejection: { reason: 'held_by_others', available: 45n, missing: 60n } },
      { kind: 'cancelled' },
      { resumed: [{ jobId: 'k' }] },
    ])
    expect(world.organization(ORG)).toMatchObject({ available: 40n, held: 100n })
    expectSound(world)
  })

  it('keeps the money of two organisations apart', () => {
    const world = worldOf({ available: 105n })
    addOrganization(world, { id: 'other', available: 105n })
    addJob(world, 'j')
    addJob(world, 'k', { organizationId: 'other' })
    world.batch(['j', 'k'].map((id) => ({ kind: 'admit' as const, ...admitCall(world, id) })))
    for (const id of [ORG, 'other']) {
      expect(world.organization(id)).toMatchObject({ available: 0n, held: 100n, seq: 3 })
      expect(world.ledger(id).map(({ seq }) => seq)).toEqual([1, 2, 3])
    }
    expectSound(world)
  })

  it('with the same facts and calls gives the same verdicts and writes, ids of new entries aside', () => {
    const world = worldOf()
    for (const id of ['j', 'k']) addJob(world, id, { steps: [['a', 'b']] })
    const calls = ['j', 'k'].map((id) => ({ kind: 'admit' as const, ...admitCall(world, id) }))
    const once = () => {
      const { verdicts, writes } = fold(structuredClone(world.facts(calls)), world.tariffs, calls)
      return { verdicts, ...writes, entries: writes.entries.map(({ id: _, ...entry }) => entry) }
    }
    expect(once()).toEqual(once())
  })

  it('writes only what it changed', () => {
    const world = worldOf({ available: 300n })
    admitted(world, 'j')
    addJob(world, 'k')
    world.batch([{ kind: 'admit', ...admitCall(world, 'k') }])
    expect(world.written?.jobs.map((job) => job.id)).toEqual(['k'])
    expect(world.written?.holds.map((hold) => hold.jobId)).toEqual(['k'])
    expect(world.written?.entries.map((entry) => entry.businessKey)).toEqual(['hold:k:1', 'charge:k:input:input:-'])
    expect(world.written?.changed).toEqual(['k'])
  })

  it('breaks as a whole where a call finds what must not be, so that the bad one can be found', () => {
    const world = worldOf()
    for (const id of ['j', 'k']) addJob(world, id)
    const before = world.snapshot()
    const { bounds, ...bad } = admitCall(world, 'k')
    expect(() =>
      world.batch([
        { kind: 'admit', ...admitCall(world, 'j') },
        { kind: 'admit', ...bad, bounds: bounds.slice(1) },
      ]),
    ).toThrow('stage input has its bound before it is priced')
    expect(world.snapshot()).toEqual(before)
  })
})

describe('a new period', () => {
  it('begins with whoever looks first after midnight, with the seats that are occupied', () => {
    const world = worldOf({ available: usd('100.00') })
    for (const id of ['u1', 'u2']) {
      world.run('add_member', { organizationId: ORG, userId: id, role: 'member', operation: `op-${id}` })
    }
    world.run('remove_member', { organizationId: ORG, userId: 'u2' })
    world.now = month(1) - 1
    topUp(world, 1n, 'a millisecond early')
    expect(world.organization(ORG)).toMatchObject({ periodStart: month(0), periodEnd: month(1), seatsPaid: 2 })
    world.now = month(1)
    topUp(world, 1n, 'on time')
    expect(world.organization(ORG)).toMatchObject({
      periodStart: month(1),
      periodEnd: month(2),
      seatsPaid: 1,
      seatsUsed: 1,
    })
    expectSound(world)
  })

  it('skips the months in which nobody looked', () => {
    const world = worldOf()
    world.now = month(7) + 5
    topUp(world, 1n, 'late')
    expect(world.organization(ORG)).toMatchObject({ periodStart: month(7), periodEnd: month(8) })
  })

  it('is written even where the call itself changes nothing', () => {
    const world = worldOf()
    world.now = month(1)
    world.run('wake', { organizationId: ORG, jobId: null, scope: 'all', after: null })
    expect(world.organization(ORG)).toMatchObject({ periodStart: month(1), seq: 1 })
  })

  it('counts what a parked job uses, if it was never admitted before', () => {
    const world = worldOf({ available: 0n })
    parked(world, 'j')
    world.now = month(1)
    topUp(world, 105n, 'more')
    expect(world.job('j')).toMatchObject({ state: 'processing', periodStart: month(1) })
    expect([...world.counters.values()].map((row) => row.periodStart)).toEqual([month(1)])
    expectSound(world)
  })
})
