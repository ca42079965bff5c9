import { describe, expect, it } from 'vitest'
import type { World } from './world.ts'
import {
  about,
  addJob,
  addOrganization,
  admit,
  admitted,
  agentUsage,
  claim,
  keep,
  LEASE_MS,
  ORG,
  parked,
  plainTariff,
  settle,
  worldOf,
} from './world-fixtures.ts'
import { expectSound } from './world-invariants.ts'

const STAGE = 'agent.a'
const failure = { code: 'agent-error', stage: STAGE, detail: 'it broke' } as const

function running(): World {
  const world = worldOf()
  admitted(world, 'j')
  expect(claim(world, 'j', STAGE, 'c1')).toEqual({ kind: 'granted', starts: 1 })
  return world
}

describe('a claim', () => {
  it('is granted on a stage whose turn it is, until the end of its lease', () => {
    const world = running()
    expect(world.stage('j', STAGE)).toMatchObject({
      state: 'running',
      claimId: 'c1',
      claimedUntil: world.now + LEASE_MS,
      checkAt: world.now + LEASE_MS + 1_000,
    })
    expect(world.organization(ORG)).toMatchObject({ available: 895n, held: 100n })
  })

  it('is granted on the input of a queued job, before any money is moved', () => {
    const world = worldOf()
    addJob(world, 'j')
    expect(claim(world, 'j', 'input', 'c1')).toEqual({ kind: 'granted', starts: 1 })
    expect(world.organization(ORG)).toMatchObject({ available: 1_000n, held: 0n, seq: 1 })
  })

  it('is put off while somebody else works, and taken over when that lease is over', () => {
    const world = running()
    world.now += LEASE_MS - 1
    expect(claim(world, 'j', STAGE, 'c2')).toEqual({ kind: 'busy', until: world.now + 1, now: world.now })
    expect(world.stage('j', STAGE)).toMatchObject({ claimId: 'c1', starts: 1 })
    world.now += 1
    expect(claim(world, 'j', STAGE, 'c2')).toEqual({ kind: 'granted', starts: 2 })
    expect(world.stage('j', STAGE).claimId).toBe('c2')
  })

  it('made again with the same id counts one start, since only its answer was lost', () => {
    const world = running()
    world.now += 10
    expect(claim(world, 'j', STAGE, 'c1')).toEqual({ kind: 'granted', starts: 1 })
    expect(world.stage('j', STAGE)).toMatchObject({ starts: 1, claimedUntil: world.now + LEASE_MS })
  })

  it('on a settled stage answers what it cost and what comes next, and starts nothing', () => {
    const world = running()
    settle(world, 'j', STAGE, agentUsage('a', 3, 4))
    expect(claim(world, 'j', STAGE, 'c2')).toMatchObject({
      kind: 'settled',
      state: 'processing',
      tokens: 7,
      charged: 17n,
      currency: 'USD',
      next: { stages: [{ stage: 'output', delivery: 3 }], parent: null },
    })
    expect(world.stage('j', STAGE)).toMatchObject({ state: 'charged', starts: 1, claimId: null })
  })

  it.each<[string, (world: World) => void, string, string]>([
    ['a stage before its turn', () => {}, 'output', 'processing'],
    ['a cancelled job', (world) => void about(world, 'cancel', 'j'), STAGE, 'cancelled'],
    ['a stage that the job does not have', () => {}, 'agent.nobody', 'unknown'],
  ])('finds a dead end at %s', (_what, prepare, stage, state) => {
    const world = worldOf()
    admitted(world, 'j')
    prepare(world)
    const before = world.snapshot()
    expect(claim(world, 'j', stage, 'c1')).toEqual({ kind: 'dead', state, failure: null })
    expect(world.snapshot()).toEqual(before)
  })

  it('finds a dead end at a parked job and at one that is not admitted yet', () => {
    const world = worldOf({ available: 0n })
    parked(world, 'j')
    addJob(world, 'k')
    expect(claim(world, 'j', 'input', 'c1')).toMatchObject({ kind: 'dead', state: 'rejected_for_balance' })
    expect(claim(world, 'k', STAGE, 'c1')).toMatchObject({ kind: 'dead', state: 'queued' })
  })

  it('on another organisation’s job finds nothing, also where that one is in the same batch', () => {
    const world = running()
    addOrganization(world, { id: 'other', plan: { ...plainTariff } })
    const order = { jobId: 'j', stage: STAGE, claimId: 'c2', leaseMs: LEASE_MS }
    const [own, foreign, cancelled] = world.batch([
      { kind: 'keep', organizationId: ORG, ...order, claimId: 'c1' },
      { kind: 'claim', organizationId: 'other', ...order },
      { kind: 'cancel', organizationId: 'other', jobId: 'j' },
    ])
    expect(own).toBe('go_on')
    expect(foreign).toEqual({ kind: 'dead', state: 'unknown', failure: null })
    expect(cancelled).toEqual({ kind: 'refused', state: 'unknown' })
    expect(world.job('j').state).toBe('processing')
  })

  it('is exhausted after five starts; whoever hears it fails the job, which costs nothing', () => {
    const world = running()
    for (let start = 2; start <= 5; start++) {
      world.now += LEASE_MS
      expect(claim(world, 'j', STAGE, `c${start}`)).toEqual({ kind: 'granted', starts: start })
    }
    expect(claim(world, 'j', STAGE, 'c5'), 'the fifth start again is no sixth').toMatchObject({ kind: 'granted' })
    world.now += LEASE_MS
    expect(claim(world, 'j', STAGE, 'c6')).toEqual({ kind: 'exhausted', starts: 5 })
    expect(world.stage('j', STAGE)).toMatchObject({ state: 'running', starts: 5, claimId: 'c5' })
    const lost = { code: 'worker-lost', stage: STAGE, detail: 'it kills its workers' } as const
    world.run('fail', { organizationId: ORG, jobId: 'j', stage: STAGE, claimId: null, failure: lost })
    expect(world.job('j')).toMatchObject({ charged: 5n, reversed: 5n, state: 'failed' })
    expect(world.organization(ORG)).toMatchObject({ available: 1_000n, held: 0n })
    expect(claim(world, 'j', STAGE, 'c7')).toEqual({ kind: 'dead', state: 'failed', failure: lost })
    expectSound(world)
  })
})

describe('a worker that asks whether to go on', () => {
  it('gets its lease extended', () => {
    const world = running()
    world.now += 5_000
    expect(keep(world, 'j', STAGE, 'c1')).toBe('go_on')
    expect(world.stage('j', STAGE)).toMatchObject({ claimedUntil: world.now + LEASE_MS, starts: 1 })
  })

  it('may go on after its lease ended, as long as nobody took over', () => {
    const world = running()
    world.now += 2 * LEASE_MS
    expect(keep(world, 'j', STAGE, 'c1')).toBe('go_on')
  })

  it.each<[string, (world: World) => void]>([
    ['the job was cancelled', (world) => void about(world, 'cancel', 'j')],
    [
      'the job failed',
      (world) => void world.run('fail', { organizationId: ORG, jobId: 'j', stage: STAGE, claimId: 'c1', failure }),
    ],
    ['the stage was settled', (world) => void settle(world, 'j', STAGE, agentUsage('a', 1, 1))],
    [
      'somebody took over',
      (world) => {
        world.now += LEASE_MS
        claim(world, 'j', STAGE, 'c2')
      },
    ],
  ])('stops where %s', (_why, prepare) => {
    const world = running()
    prepare(world)
    const before = world.snapshot()
    expect(keep(world, 'j', STAGE, 'c1')).toBe('stop')
    expect(world.snapshot()).toEqual(before)
  })

  it('stops where the job was parked', () => {
    const world = worldOf({ available: 0n })
    addJob(world, 'j')
    claim(world, 'j', 'input', 'c1')
    expect(keep(world, 'j', 'input', 'c1')).toBe('go_on')
    expect(admit(world, 'j')).toMatchObject({ kind: 'refused' })
    expect(keep(world, 'j', 'input', 'c1')).toBe('stop')
  })

  it('stops where the stage or the job is unknown', () => {
    const world = running()
    expect(keep(world, 'j', 'agent.nobody', 'c1')).toBe('stop')
    expect(world.run('keep', { organizationId: ORG, jobId: 'nobody', stage: STAGE, claimId: 'c1', leaseMs: 1 })).toBe(
      'stop',
    )
  })
})

describe('a redelivery', () => {
  const redeliver = (world: World, delivery: number, stage = STAGE) =>
    world.run('redeliver', { organizationId: ORG, jobId: 'j', seen: [{ stage, delivery }] })

  it('plans the stage again under a new number when nobody works on it', () => {
    const world = worldOf()
    admitted(world, 'j')
    expect(redeliver(world, 2)).toMatchObject({ stages: [{ stage: STAGE, delivery: 3 }], parent: null })
    expect(redeliver(world, 2), 'the same look twice').toBeNull()
    expect(world.stage('j', STAGE).delivery).toBe(3)
  })

  it('leaves a claimed stage alone until its lease is over', () => {
    const world = running()
    expect(redeliver(world, 2)).toBeNull()
    world.now += LEASE_MS
    expect(redeliver(world, 2)).toMatchObject({ stages: [{ stage: STAGE, delivery: 3 }] })
  })

  it('leaves alone what moved on, what is parked and what is final', () => {
    const world = running()
    settle(world, 'j', STAGE, agentUsage('a', 1, 1))
    expect(redeliver(world, 2)).toBeNull()
    about(world, 'cancel', 'j')
    expect(redeliver(world, 3, 'output')).toBeNull()
    const poor = worldOf({ available: 0n })
    parked(poor, 'j')
    expect(redeliver(poor, 1, 'input')).toBeNull()
  })
})

describe('a claim that is given back', () => {
  it('lets the next attempt start at once, and counts what the lost one used', () => {
    const world = worldOf()
    admitted(world, 'j')
    claim(world, 'j', STAGE, 'c1')
    const call = { organizationId: ORG, jobId: 'j', stage: STAGE, claimId: 'c1' }
    const before = structuredClone(world.organization(ORG))
    expect(world.run('let_go', { ...call, usage: agentUsage('a', 3, 4) })).toEqual({ parked: null, cost: 17n })
    expect(world.stage('j', STAGE)).toMatchObject({ state: 'waiting', claimId: null, absorbed: 1, starts: 1 })
    expect(claim(world, 'j', STAGE, 'c2')).toEqual({ kind: 'granted', starts: 2 })
    expect(world.run('let_go', { ...call, usage: null }), 'of another').toEqual({ parked: null, cost: 0n })
    expect(world.stage('j', STAGE)).toMatchObject({ state: 'running', claimId: 'c2', absorbed: 1 })
    expect(world.organization(ORG)).toEqual(before)
    expectSound(world)
  })

  it('is nothing of a job or stage that is unknown', () => {
    const world = worldOf()
    const before = world.snapshot()
    expect(world.run('let_go', { organizationId: ORG, jobId: 'j', stage: STAGE, claimId: 'c1', usage: null })).toEqual({
      parked: null,
      cost: 0n,
    })
    expect(world.snapshot()).toEqual(before)
  })
})
