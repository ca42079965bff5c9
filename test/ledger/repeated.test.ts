import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Call } from '../../src/ledger/calls.ts'
import { callOf, plans, walks, worldOfPlan } from './random-calls.ts'
import { siblingPlans, siblingWalks } from './random-siblings.ts'
import type { World } from './world.ts'
import {
  about,
  addJob,
  admitted,
  agentUsage,
  claim,
  extend,
  LEASE_MS,
  ORG,
  parked,
  plainTariff,
  settle,
  topUp,
  worldOf,
} from './world-fixtures.ts'
import { expectSound } from './world-invariants.ts'

const failure = { code: 'agent-error', stage: 'agent.a', detail: 'it broke' } as const
const other = { ...failure, detail: 'it broke otherwise' } as const
const of = { organizationId: ORG, jobId: 'j' }

/** Makes a call whose answer is lost, and makes it again. Whatever is asked for, the second time nothing may happen. */
function lost(world: World, call: Call): { first: unknown; again: unknown } {
  const [first] = world.batch([call])
  const before = world.snapshot()
  const [again] = world.batch([{ ...call, repeated: true }])
  expect(world.snapshot(), `a repeated ${call.kind} does nothing`).toEqual(before)
  expectSound(world)
  return { first, again }
}

/** What nobody can answer again for certain: who did it, when the answer was that there was nothing to do. */
function wasForNothing(verdict: unknown): boolean {
  if (verdict === null || typeof verdict !== 'object') return verdict === null
  if ('replayed' in verdict && verdict.replayed) return true
  if ('resumed' in verdict && !('entryId' in verdict)) return (verdict.resumed as readonly unknown[]).length === 0
  return 'kind' in verdict && ['dead', 'refused', 'unknown', 'absorbed'].includes(`${verdict.kind}`)
}

const isWalk = (call: Call): boolean => call.kind === 'wake' && call.jobId === null

describe.each([
  { calls: 'of every kind', somePlans: plans, someWalks: walks },
  { calls: 'of siblings that want more', somePlans: siblingPlans, someWalks: siblingWalks },
])('a call $calls whose COMMIT was not answered', ({ somePlans, someWalks }) => {
  it('is answered as it was, and does nothing more', () => {
    let answered = 0
    fc.assert(
      fc.property(somePlans, someWalks, (plan, walk) => {
        const world = worldOfPlan(plan)
        for (const { steps, pauseMs } of walk) {
          for (const call of steps.flatMap((step) => callOf(plan, step) ?? [])) {
            if (isWalk(call)) {
              world.batch([call])
              continue
            }
            const { first, again } = lost(world, call)
            if (wasForNothing(first)) continue
            answered += 1
            // Which jobs a payment resumed is stored; their deliveries are the sweep's. A job that is parked has its card.
            const differs = call.kind === 'top_up' || call.kind === 'adjust' ? { resumed: [] } : {}
            const card = call.kind === 'let_go' ? { parked: expect.anything() } : {}
            const told = typeof first === 'object' ? { ...first, ...differs } : first
            expect([told, typeof first === 'object' ? { ...first, ...card } : first]).toContainEqual(again)
          }
          world.now += pauseMs
        }
      }),
      { numRuns: 400, interruptAfterTimeLimit: 5_000 },
    )
    expect(answered).toBeGreaterThan(100)
  })
})

describe('a repeated call', () => {
  it('that settled says what is next, and counts no work as absorbed', () => {
    const world = worldOf()
    admitted(world, 'j')
    const usage = agentUsage('a', 3, 4)
    const { first, again } = lost(world, { kind: 'settle', ...of, stage: 'agent.a', usage, result: null })
    expect(first).toMatchObject({ replayed: false, absorbed: 0n, next: { stages: [{ stage: 'output' }] } })
    expect(again).toEqual(first)
    expect(world.stage('j', 'agent.a').absorbed).toBe(0)
  })

  it('that settles with other tokens than were charged is a replay of somebody else’s charge', () => {
    const world = worldOf()
    admitted(world, 'j')
    settle(world, 'j', 'agent.a', agentUsage('a', 3, 4))
    const [again] = world.batch([
      { kind: 'settle', ...of, stage: 'agent.a', usage: agentUsage('a', 9, 9), result: null, repeated: true },
    ])
    expect(again).toMatchObject({ kind: 'settled', replayed: true, absorbed: 28n, charged: 17n })
    expect(world.stage('j', 'agent.a').tokens).toBe(7)
  })

  it.each([
    ['complete', { kind: 'completed', released: 70n }],
    ['cancel', { kind: 'cancelled' }],
  ] as const)('to %s a job has done so, while somebody else hears that it has ended', (kind, answer) => {
    const world = worldOf()
    admitted(world, 'j', { runner: 'own' })
    settle(world, 'j', 'agent.a', agentUsage('a', 10, 10))
    expect(lost(world, { kind, ...of })).toEqual({ first: answer, again: answer })
    const before = world.snapshot()
    expect(about(world, kind, 'j').kind).toMatch(/dead|refused/)
    expect(world.snapshot()).toEqual(before)
  })

  it.each([
    ['cancel', 'charged'],
    ['complete', 'cancelled'],
  ] as const)('to %s a job does not take the end that somebody else gave it for its own (%s)', (kind, state) => {
    const world = worldOf()
    admitted(world, 'j', { runner: 'own' })
    about(world, kind === 'cancel' ? 'complete' : 'cancel', 'j')
    const before = world.snapshot()
    const [again] = world.batch([{ kind, ...of, repeated: true }])
    expect(again).toMatchObject({ state })
    expect(world.snapshot()).toEqual(before)
  })

  it.each([
    ['reverse', { kind: 'reversed', reversed: 5n }, { kind: 'dead', state: 'failed' }],
    ['fail', { kind: 'failed', failure }, { kind: 'refused', state: 'failed' }],
  ] as const)('to %s a job has done so, but only for its own reason', (kind, answer, refusal) => {
    const world = worldOf()
    admitted(world, 'j', { runner: 'own' })
    const call: Call =
      kind === 'reverse' ? { kind, ...of, failure } : { kind, ...of, stage: 'agent.a', claimId: null, failure }
    expect(lost(world, call)).toEqual({ first: answer, again: answer })
    const before = world.snapshot()
    expect(world.batch([call])).toEqual([refusal])
    expect(world.batch([{ ...call, failure: other, repeated: true } as Call])).toEqual([refusal])
    expect(world.snapshot()).toEqual(before)
  })

  it('to complete or to reverse never concerns a job of the pipeline', () => {
    const world = worldOf()
    admitted(world, 'j')
    settle(world, 'j', 'agent.a', agentUsage('a', 1, 1))
    settle(world, 'j', 'output', { kind: 'output', tokens: 1 })
    admitted(world, 'k')
    world.run('fail', { ...of, jobId: 'k', stage: 'agent.a', claimId: null, failure })
    const calls: readonly Call[] = [
      { kind: 'complete', ...of, repeated: true },
      { kind: 'reverse', ...of, jobId: 'k', failure, repeated: true },
    ]
    expect(world.batch(calls)).toMatchObject([{ kind: 'dead' }, { kind: 'dead' }])
  })

  it('to give a claim back counts its work once, and still says that this parked the job', () => {
    const world = worldOf({ available: 105n + 80n })
    admitted(world, 'j', { steps: [['a', 'b']] })
    claim(world, 'j', 'agent.a', 'c1')
    claim(world, 'j', 'agent.b', 'c2')
    expect(extend(world, 'j', 'agent.a', 'c1', 9)).toMatchObject({ kind: 'refused', parked: null })
    const usage = agentUsage('b', 2, 3)
    const { first, again } = lost(world, { kind: 'let_go', ...of, stage: 'agent.b', claimId: 'c2', usage })
    expect(first).toEqual({ parked: { generation: 1, stage: 'agent.a' }, cost: 15n })
    expect(again).toEqual(first)
    expect(world.stage('j', 'agent.b').absorbed).toBe(1)
  })

  it('to give a claim back that is still held has done nothing before: it counts its work', () => {
    const world = worldOf()
    admitted(world, 'j')
    claim(world, 'j', 'agent.a', 'c1')
    const usage = agentUsage('a', 2, 3)
    world.batch([{ kind: 'let_go', ...of, stage: 'agent.a', claimId: 'c1', usage, repeated: true }])
    expect(world.stage('j', 'agent.a')).toMatchObject({ absorbed: 1, state: 'waiting', claimId: null })
  })

  it('to deliver lost stages answers the delivery that it planned', () => {
    const world = worldOf()
    admitted(world, 'j', { steps: [['a', 'b']] })
    const seen = [{ stage: 'agent.a', delivery: 2 }]
    const { first, again } = lost(world, { kind: 'redeliver', ...of, seen })
    const stages = ['agent.a', 'agent.b'].map((stage) => ({ stage, delivery: 3 }))
    expect(first).toMatchObject({ stages, parent: { stage: 'output', delivery: 3 } })
    expect(again).toEqual(first)
    settle(world, 'j', 'agent.a', agentUsage('a', 1, 1))
    const late: Call = { kind: 'redeliver', ...of, seen: [{ stage: 'agent.b', delivery: 2 }], repeated: true }
    expect(world.batch([late]), 'a flow that has lost a member is not added again').toEqual([null])
  })

  it('to wake one job answers the delivery that resumed it', () => {
    const world = worldOf({ available: 10n })
    parked(world, 'j')
    world.batch([{ kind: 'adjust', organizationId: ORG, amount: 1n, direction: 'credit', reference: 'r', note: null }])
    topUpWithoutWake(world, 500n)
    const { first, again } = lost(world, { kind: 'wake', ...of, scope: 'all', after: null })
    expect(first).toMatchObject({ resumed: [{ jobId: 'j', stages: [{ stage: 'agent.a' }] }] })
    expect(again).toEqual(first)
  })

  it('that paid has paid first: it is no replay, and somebody else’s is', () => {
    const world = worldOf({ available: 0n })
    addJob(world, 'j')
    const call: Call = { kind: 'top_up', organizationId: ORG, amount: 7n, reference: 'more', note: null }
    const { first, again } = lost(world, call)
    expect(first).toMatchObject({ kind: 'funded', replayed: false })
    expect(again).toEqual(first)
    expect(topUp(world, 7n, 'more')).toMatchObject({ replayed: true })
  })

  it('to add or to remove a member has done so', () => {
    const world = worldOf({ plan: { ...plainTariff, memberPrice: 10n } })
    const member = { organizationId: ORG, userId: 'u' }
    const added = lost(world, { kind: 'add_member', ...member, role: 'member', operation: 'op-1' })
    expect(added.first).toMatchObject({ kind: 'added', member: { state: 'active' } })
    expect(added.again).toEqual(added.first)
    const [known] = world.batch([{ kind: 'add_member', ...member, role: 'member', operation: 'op-2', repeated: true }])
    expect(known, 'another operation found the member there').toMatchObject({ kind: 'known' })
    const removed = lost(world, { kind: 'remove_member', ...member })
    expect(removed).toEqual({ first: { kind: 'removed' }, again: { kind: 'removed' } })
    expect(world.batch([{ kind: 'remove_member', ...member }])).toEqual([{ kind: 'unknown' }])
  })
})

/** Money that nobody was woken for yet. */
function topUpWithoutWake(world: World, amount: bigint): void {
  world.now += LEASE_MS
  world.organization(ORG).overdraftLimit += amount
}
