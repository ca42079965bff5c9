import { describe, expect, it } from 'vitest'
import { component, tariff } from '../pricing/tariff-fixtures.ts'
import type { World } from './world.ts'
import {
  about,
  admitted,
  agentUsage,
  claim,
  EXPIRES_MS,
  extend,
  keep,
  LEASE_MS,
  ORG,
  plainTariff,
  settle,
  topUp,
  wake,
  worldOf,
} from './world-fixtures.ts'
import { expectSound } from './world-invariants.ts'

const [A, B] = ['agent.a', 'agent.b']
const failure = { code: 'agent-error', stage: B, detail: 'it broke' } as const

/** A job of one agent that was refused its second call: 130 were there, 155 are needed in all. */
function refused(options: Parameters<typeof worldOf>[0] = {}): World {
  const world = worldOf({ available: 130n, ...options })
  admitted(world, 'j')
  claim(world, 'j', A, 'c1')
  return world
}

/** A job of two agents at once, both claimed, of which a was refused its second call: held 165, of 170. */
function siblings(): World {
  const world = worldOf({ available: 170n })
  admitted(world, 'j', { steps: [['a', 'b']] })
  claim(world, 'j', A, 'c1')
  claim(world, 'j', B, 'c2')
  expect(extend(world, 'j', A, 'c1', 2)).toMatchObject({ kind: 'refused', parked: null })
  expectSound(world)
  return world
}

const letGo = (world: World, stage: string, claimId: string) =>
  world.run('let_go', { organizationId: ORG, jobId: 'j', stage, claimId, usage: null })
const redeliver = (world: World, stage: string) =>
  world.run('redeliver', { organizationId: ORG, jobId: 'j', seen: [{ stage, delivery: 2 }] })

describe('a job that is refused money at a stage', () => {
  it('is parked there with what its unfinished stages need, and holds nothing', () => {
    const world = refused()
    expect(extend(world, 'j', A, 'c1', 2)).toMatchObject({
      kind: 'refused',
      rejection: { stage: A },
      parked: { generation: 1, stage: A },
    })
    expect(world.job('j')).toMatchObject({
      state: 'rejected_for_balance',
      stage: A,
      charged: 5n,
      released: 100n,
      parkedAt: world.now,
      expiresAt: world.now + EXPIRES_MS,
      // Two calls and the output: 10 + 2 × (20 + 30) + 40; the hold that was released is part of the 125.
      rejection: { reason: 'insufficient', stage: A, needed: 150n, available: 125n, missing: 25n },
    })
    expect(world.stage('j', A)).toMatchObject({ state: 'waiting', starts: 0, claimId: null, checkAt: null })
    expect(world.stage('j', A).bound).toMatchObject({ llm: { calls: 2 } })
    expect(world.organization(ORG)).toMatchObject({ available: 125n, held: 0n })
    expect(world.ledger(ORG).map(({ kind }) => kind)).toEqual(['top_up', 'hold', 'charge', 'release'])
    expectSound(world)
  })

  it('hears the same again, and nothing of it claims, keeps or extends', () => {
    const world = refused()
    const first = extend(world, 'j', A, 'c1', 2)
    const before = world.snapshot()
    expect(extend(world, 'j', A, 'c1', 2)).toEqual(first)
    expect(keep(world, 'j', A, 'c1')).toBe('stop')
    expect(claim(world, 'j', A, 'c3')).toEqual({ kind: 'dead', state: 'rejected_for_balance', failure: null })
    expect(world.snapshot()).toEqual(before)
  })

  it('is resumed by what was missing, holds the larger bound, and does not stop at the same call again', () => {
    const world = refused()
    extend(world, 'j', A, 'c1', 2)
    expect(topUp(world, 24n, 'too little')).toMatchObject({ resumed: [] })
    expect(topUp(world, 1n, 'the rest')).toMatchObject({
      resumed: [{ jobId: 'j', generation: 2, stages: [{ stage: A, delivery: 3 }], parent: null }],
    })
    expect(world.job('j')).toMatchObject({ state: 'processing', rejection: null, generation: 2 })
    expect(world.holds.get('j 2')).toMatchObject({ amount: 150n, remaining: 150n })
    expect(claim(world, 'j', A, 'c2')).toEqual({ kind: 'granted', starts: 1 })
    const { seq } = world.organization(ORG)
    expect(extend(world, 'j', A, 'c2', 2)).toMatchObject({ kind: 'granted', calls: 2, extended: 0n })
    expect(world.organization(ORG).seq).toBe(seq)
    expect(world.ledger(ORG).filter(({ kind, stage }) => kind === 'charge' && stage === 'input')).toHaveLength(1)
    expectSound(world)
  })

  it('may be resumed and refused more often than a stage may be started', () => {
    const world = refused()
    for (let call = 2; call < 12; call += 1) {
      expect(extend(world, 'j', A, `c${call - 1}`, call)).toMatchObject({ kind: 'refused' })
      const missing = world.job('j').rejection?.missing ?? 0n
      expect(topUp(world, missing, `more-${call}`)).toMatchObject({ resumed: [{ jobId: 'j' }] })
      expect(claim(world, 'j', A, `c${call}`)).toMatchObject({ kind: 'granted' })
      expectSound(world)
    }
  })

  it.each(['frozen', 'past_due'] as const)('says that the organisation is %s, whatever its balance', (status) => {
    const world = refused({ available: 1_000n })
    world.organization(ORG).status = status
    expect(extend(world, 'j', A, 'c1', 2)).toMatchObject({ kind: 'refused', parked: { stage: A } })
    expect(world.job('j').rejection).toMatchObject({ reason: status, needed: 150n, missing: 0n })
    expectSound(world)
  })
})

describe('siblings of a stage that is refused money', () => {
  it('are told to stop, and no other starts; until then the job is processed out of its hold', () => {
    const world = siblings()
    expect(world.job('j')).toMatchObject({ state: 'processing', parkedAt: null, rejection: { stage: A } })
    expect(world.organization(ORG)).toMatchObject({ available: 5n, held: 160n })
    const before = world.snapshot()
    expect(keep(world, 'j', B, 'c2')).toBe('stop')
    expect(claim(world, 'j', A, 'c3')).toMatchObject({ kind: 'dead', state: 'processing' })
    expect(claim(world, 'j', B, 'c3')).toMatchObject({ kind: 'dead', state: 'processing' })
    expect(claim(world, 'j', 'input', 'c3')).toMatchObject({ kind: 'settled', next: null })
    expect(extend(world, 'j', B, 'c2', 2)).toEqual({ kind: 'dead', state: 'processing' })
    expect(extend(world, 'j', A, 'c1', 2)).toMatchObject({ kind: 'refused', parked: null })
    expect(wake(world)).toMatchObject({ resumed: [] })
    expect(world.snapshot()).toEqual(before)
  })

  it('still settle out of the hold, and the last one parks the job', () => {
    const world = siblings()
    expect(settle(world, 'j', B, agentUsage('b', 10, 10), 'b wrote this')).toMatchObject({
      kind: 'settled',
      charged: 30n,
      next: null,
      state: 'rejected_for_balance',
      parked: { generation: 1, stage: A },
    })
    expect(world.job('j')).toMatchObject({
      stage: A,
      charged: 35n,
      rejection: { reason: 'insufficient', stage: A, needed: 150n, available: 135n, missing: 15n },
    })
    expect(world.organization(ORG)).toMatchObject({ available: 135n, held: 0n })
    expectSound(world)

    const { charged } = world.stage('j', B)
    expect(topUp(world, 15n, 'more')).toMatchObject({
      resumed: [{ jobId: 'j', stages: [{ stage: A, delivery: 3 }], parent: null }],
    })
    expect(world.stage('j', B)).toMatchObject({ state: 'charged', charged, result: 'b wrote this' })
    expect(claim(world, 'j', B, 'c9')).toMatchObject({ kind: 'settled', charged: 30n })
    settle(world, 'j', A, agentUsage('a', 20, 30))
    expect(settle(world, 'j', 'output', { kind: 'output', tokens: 1 })).toMatchObject({ state: 'charged' })
    expect(world.ledger(ORG).filter(({ kind, stage }) => kind === 'charge' && stage === B)).toHaveLength(3)
    expectSound(world)
  })

  it.each<[string, (world: World) => unknown]>([
    ['a claim that is given back', (world) => expect(letGo(world, B, 'c2').parked).toMatchObject({ stage: A })],
    ['a lapsed claim that the sweep finds', (world) => lapse(world, () => expect(redeliver(world, B)).toBeNull())],
    [
      'a lapsed claim that the rerun finds',
      (world) =>
        lapse(world, () =>
          expect(claim(world, 'j', B, 'c3')).toMatchObject({ kind: 'dead', state: 'rejected_for_balance' }),
        ),
    ],
  ])('park the job by %s, too', (_what, end) => {
    const world = siblings()
    end(world)
    expect(world.job('j')).toMatchObject({
      state: 'rejected_for_balance',
      stage: A,
      rejection: { needed: 10n + 100n + 60n + 40n, available: 165n },
    })
    expect(world.organization(ORG)).toMatchObject({ available: 165n, held: 0n })
    expectSound(world)
  })

  it('are not given up by the sweep while their worker lives', () => {
    const world = siblings()
    const before = world.snapshot()
    expect(redeliver(world, B)).toBeNull()
    expect(redeliver(world, A)).toBeNull()
    expect(world.snapshot()).toEqual(before)
  })

  it('leave money enough where they used little: the release wakes, and the job goes on at once', () => {
    const world = siblings()
    expect(settle(world, 'j', B, agentUsage('b', 0, 0))).toMatchObject({ parked: { stage: A } })
    expect(world.job('j').rejection).toMatchObject({ needed: 150n, available: 155n, missing: 0n })
    expect(world.written?.wake).toEqual([ORG])
    expect(wake(world)).toMatchObject({ resumed: [{ jobId: 'j', generation: 2 }] })
    expectSound(world)
  })

  it('may bring the refused stage to its end themselves, if an earlier worker was faster', () => {
    const world = siblings()
    expect(settle(world, 'j', A, agentUsage('a', 20, 30))).toMatchObject({
      kind: 'settled',
      charged: 60n,
      parked: null,
    })
    expectSound(world)
    expect(settle(world, 'j', B, agentUsage('b', 20, 30))).toMatchObject({ parked: { stage: 'output' } })
    expect(world.job('j')).toMatchObject({ state: 'rejected_for_balance', rejection: { stage: 'output', needed: 40n } })
    expect(wake(world)).toMatchObject({ resumed: [{ stages: [{ stage: 'output' }] }] })
    expectSound(world)
  })

  it('that were all settled complete the job instead', () => {
    const world = siblings()
    settle(world, 'j', A, agentUsage('a', 20, 30))
    settle(world, 'j', 'output', { kind: 'output', tokens: 1 })
    expect(settle(world, 'j', B, agentUsage('b', 20, 30))).toMatchObject({ state: 'charged', parked: null })
    expect(world.job('j')).toMatchObject({ state: 'charged', rejection: null, expiresAt: null })
    expectSound(world)
  })

  it('end with the job when it is cancelled meanwhile', () => {
    const world = siblings()
    expect(about(world, 'cancel', 'j')).toEqual({ kind: 'cancelled' })
    expect(world.job('j')).toMatchObject({ state: 'cancelled', rejection: null, charged: 5n, released: 160n })
    expect(settle(world, 'j', B, agentUsage('b', 20, 30))).toEqual({ kind: 'absorbed', state: 'cancelled', cost: 60n })
    expect(letGo(world, B, 'c2')).toEqual({ parked: null, cost: 0n })
    expectSound(world)
  })

  it('end with the job when one of them fails meanwhile, and it costs nothing', () => {
    const world = siblings()
    const call = { organizationId: ORG, jobId: 'j', stage: B, claimId: 'c2', failure }
    expect(world.run('fail', call)).toEqual({ kind: 'failed', failure })
    expect(world.job('j')).toMatchObject({ state: 'failed', rejection: null, charged: 5n, reversed: 5n })
    expect(world.organization(ORG)).toMatchObject({ available: 170n, held: 0n })
    expectSound(world)
  })
})

describe('a parked job that no money helps any more', () => {
  /** 100 prompt tokens are free: j has them for its first call, and must pay for the second. */
  const plan = tariff(
    ...plainTariff.components.filter(({ key }) => key !== 'llm-in'),
    component({
      key: 'llm-in',
      kind: 'llm_tokens',
      price: 1n,
      per: 1,
      llmModel: '*',
      tokenClass: 'input',
      included: 100,
    }),
  )

  it('is named by a wake of all, and failed by one of its own, with its charges reversed', () => {
    const world = worldOf({ plan, available: 180n })
    admitted(world, 'j', { maxCost: 216n }, { prompt: 100 })
    claim(world, 'j', A, 'c1')
    expect(extend(world, 'j', A, 'c1', 2)).toMatchObject({ kind: 'refused', parked: { stage: A } })
    // Another job takes the free units while j waits: now even j's shortest answers cost more than its max_cost.
    admitted(world, 'k', {}, { prompt: 100 })
    const before = structuredClone(world.organization(ORG))
    expect(wake(world)).toEqual({ resumed: [], members: [], hopeless: ['j'], more: null })
    expect(world.job('j')).toMatchObject({ state: 'rejected_for_balance', charged: 5n, reversed: 0n })
    expect(world.organization(ORG)).toEqual(before)
    expect(wake(world, { jobId: 'j' })).toEqual({ resumed: [], members: [], hopeless: [], more: null })
    expect(world.job('j')).toMatchObject({ state: 'failed', failure: { code: 'max-cost-too-low' }, reversed: 5n })
    expect(world.organization(ORG).available).toBe(before.available + 5n)
    expectSound(world)
  })
})

function lapse(world: World, look: () => void): void {
  world.now += LEASE_MS
  look()
}
