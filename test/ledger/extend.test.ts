import { describe, expect, it } from 'vitest'
import { component, tariff } from '../pricing/tariff-fixtures.ts'
import type { World } from './world.ts'
import {
  about,
  addJob,
  addOrganization,
  admit,
  admitted,
  agentUsage,
  boundsOf,
  claim,
  extend,
  LEASE_MS,
  ORG,
  plainTariff,
  settle,
  topUp,
  worldOf,
} from './world-fixtures.ts'
import { expectSound } from './world-invariants.ts'

const A = 'agent.a'
/** A model call costs at most 20 + 30 more. */
const CALL = 50n

/** A job whose agent is claimed by c1: 105 were held for it, 5 of them are charged for its input. */
function working(options: Parameters<typeof worldOf>[0] = {}, job: Parameters<typeof addJob>[2] = {}): World {
  const world = worldOf(options)
  admitted(world, 'j', job)
  claim(world, 'j', A, 'c1')
  return world
}

const holdOf = (world: World, generation = 1) => world.holds.get(`j ${generation}`)

describe('an extension', () => {
  it('holds the price of a further call before it is made, and the call is charged out of it', () => {
    const world = working()
    expect(extend(world, 'j', A, 'c1', 2)).toEqual({ kind: 'granted', calls: 2, extended: CALL, currency: 'USD' })
    expect(world.ledger(ORG).at(-1)).toMatchObject({
      kind: 'extend',
      debit: 'available',
      credit: 'held',
      amount: CALL,
      businessKey: 'extend:j:agent.a:2',
      jobId: 'j',
      stage: A,
    })
    expect(world.organization(ORG)).toMatchObject({ available: 845n, held: 150n })
    expect(holdOf(world)).toMatchObject({ amount: 155n, remaining: 150n, state: 'open' })
    expectSound(world)
    const [usage] = [agentUsage('a', 20, 30)]
    const twice = usage?.kind === 'agent' ? { ...usage, llm: [...usage.llm, ...usage.llm] } : usage
    expect(settle(world, 'j', A, twice)).toMatchObject({ charged: 110n })
    expect(settle(world, 'j', 'output', { kind: 'output', tokens: 40 })).toMatchObject({ state: 'charged' })
    expect(world.job('j')).toMatchObject({ charged: 155n, writtenOff: 0n, released: 0n })
    expectSound(world)
  })

  it('is taken once per call: asked again, it answers the same and moves nothing', () => {
    const world = working()
    const first = extend(world, 'j', A, 'c1', 2)
    const before = world.snapshot()
    expect(extend(world, 'j', A, 'c1', 2)).toEqual(first)
    expect(extend(world, 'j', A, 'c1', 1)).toMatchObject({ kind: 'granted', calls: 2, extended: 0n })
    expect(world.snapshot()).toEqual(before)
    expect(extend(world, 'j', A, 'c1', 4)).toMatchObject({ calls: 4, extended: 2n * CALL })
    expect(extend(world, 'j', A, 'c1', 2)).toMatchObject({ calls: 4, extended: CALL })
    expect(world.ledger(ORG).filter(({ kind }) => kind === 'extend')).toHaveLength(2)
    expectSound(world)
  })

  it('takes what finished stages left in the hold first', () => {
    const world = worldOf()
    admitted(world, 'j', { steps: [['a'], ['b']] })
    settle(world, 'j', A, agentUsage('a', 5, 5)) // 40 of its 60 are left
    claim(world, 'j', 'agent.b', 'c1')
    const { available } = world.organization(ORG)
    expect(extend(world, 'j', 'agent.b', 'c1', 2)).toMatchObject({ kind: 'granted', extended: 10n })
    expect(world.organization(ORG).available).toBe(available - 10n)
    expectSound(world)
  })

  it('moves nothing where the hold has enough left, even with no balance and under a freeze', () => {
    const world = worldOf({ available: 165n })
    admitted(world, 'j', { steps: [['a'], ['b']] })
    settle(world, 'j', A, agentUsage('a', 0, 0))
    claim(world, 'j', 'agent.b', 'c1')
    world.organization(ORG).status = 'frozen'
    const { seq } = world.organization(ORG)
    expect(extend(world, 'j', 'agent.b', 'c1', 2)).toMatchObject({ kind: 'granted', calls: 2, extended: 0n })
    expect(world.organization(ORG)).toMatchObject({ seq, available: 0n })
    expectSound(world)
  })

  it('never makes up for a stage that used more than its bound', () => {
    const world = worldOf()
    admitted(world, 'j', { steps: [['a'], ['b']] })
    settle(world, 'j', A, agentUsage('a', 60, 60)) // 70 above its bound
    claim(world, 'j', 'agent.b', 'c1')
    expect(extend(world, 'j', 'agent.b', 'c1', 2)).toMatchObject({ kind: 'granted', extended: CALL })
    expectSound(world)
  })

  it('promises the free units that are left, and returns them with the hold', () => {
    const plan = tariff(
      ...plainTariff.components.filter(({ key }) => key !== 'llm-in'),
      component({
        key: 'llm-in',
        kind: 'llm_tokens',
        price: 1n,
        per: 1,
        llmModel: '*',
        tokenClass: 'input',
        included: 35,
      }),
    )
    const world = working({ plan })
    expect(world.stage('j', A).grants).toEqual({ 'llm-in': 20 })
    expect(extend(world, 'j', A, 'c1', 2)).toMatchObject({ extended: 30n + 5n })
    expect(world.stage('j', A).grants).toEqual({ 'llm-in': 35 })
    expect([...world.counters.values()].find((row) => row.component === 'llm-in')?.reserved).toBe(35)
    expectSound(world)
    about(world, 'cancel', 'j')
    expect([...world.counters.values()].find((row) => row.component === 'llm-in')?.reserved).toBe(0)
    expectSound(world)
  })

  it('is bounded by max_cost: a call beyond it fails the job, which costs nothing', () => {
    const world = working({}, { maxCost: 155n })
    expect(extend(world, 'j', A, 'c1', 2)).toMatchObject({ kind: 'granted' })
    const failed = extend(world, 'j', A, 'c1', 3)
    expect(failed).toMatchObject({ kind: 'failed', failure: { code: 'max-cost-too-low', stage: A } })
    expect(world.job('j')).toMatchObject({ state: 'failed', charged: 5n, reversed: 5n, released: 155n })
    expect(world.organization(ORG)).toMatchObject({ available: 1_000n, held: 0n })
    const before = world.snapshot()
    expect(extend(world, 'j', A, 'c1', 3)).toEqual(failed)
    expect(world.snapshot()).toEqual(before)
    expectSound(world)
  })

  it('counts what the job was charged already towards max_cost, to the last unit', () => {
    const enough = working({}, { maxCost: 5n + 100n + CALL })
    expect(extend(enough, 'j', A, 'c1', 2)).toMatchObject({ kind: 'granted', extended: CALL })
    const short = working({}, { maxCost: 5n + 100n + CALL - 1n })
    expect(extend(short, 'j', A, 'c1', 2)).toMatchObject({ kind: 'failed', failure: { code: 'max-cost-too-low' } })
    expect(short.organization(ORG)).toMatchObject({ available: 1_000n, held: 0n })
    expectSound(short)
  })

  it.each<[string, (world: World) => unknown]>([
    ['of a claim that another took over', (world) => claimLater(world, 'c2')],
    ['of a claim that was given back', (world) => letGo(world)],
    ['of a cancelled job', (world) => about(world, 'cancel', 'j')],
    ['of a settled stage', (world) => settle(world, 'j', A, agentUsage('a', 1, 1))],
  ])('is not had %s', (_what, meanwhile) => {
    const world = working()
    meanwhile(world)
    const before = world.snapshot()
    expect(extend(world, 'j', A, 'c1', 2)).toEqual({ kind: 'dead', state: world.job('j').state })
    expect(world.snapshot()).toEqual(before)
  })

  it('is not had for what has no calls, or belongs to somebody else', () => {
    const world = worldOf()
    addOrganization(world, { id: 'other' })
    addJob(world, 'j')
    const bounds = boundsOf(world.job('j')).map((row) =>
      row.bound.kind === 'agent' ? { ...row, bound: { ...row.bound, llm: null } } : row,
    )
    const limits = { outputLimit: 1, parkedExpiresMs: 1 }
    world.run('admit', { organizationId: ORG, jobId: 'j', bounds, ...limits })
    claim(world, 'j', A, 'c1')
    const before = world.snapshot()
    expect(extend(world, 'j', A, 'c1', 1), 'no model').toMatchObject({ kind: 'dead' })
    expect(extend(world, 'j', 'output', 'c1', 2), 'no agent').toMatchObject({ kind: 'dead' })
    expect(extend(world, 'j', 'agent.nobody', 'c1', 2)).toEqual({ kind: 'dead', state: 'unknown' })
    const call = { jobId: 'j', stage: A, claimId: 'c1', call: 2, parkedExpiresMs: 1 }
    expect(world.run('extend', { ...call, organizationId: 'other' })).toEqual({ kind: 'dead', state: 'unknown' })
    expect(world.snapshot()).toEqual(before)
  })
})

describe('an extension of an own job', () => {
  it('needs no claim; refused, it changes nothing, and may be asked for again', () => {
    const world = worldOf({ available: 130n })
    admitted(world, 'j', { runner: 'own' })
    const before = world.snapshot()
    expect(extend(world, 'j', A, null, 2)).toMatchObject({
      kind: 'refused',
      rejection: { reason: 'held_by_others', stage: A, needed: CALL, available: 25n, missing: 25n },
      parked: null,
    })
    expect(world.snapshot()).toEqual(before)
    topUp(world, 25n, 'more')
    expect(extend(world, 'j', A, null, 2)).toMatchObject({ kind: 'granted', extended: CALL })
    expect(world.organization(ORG).available).toBe(0n)
    expectSound(world)
  })

  it('is not had without a claim by a job of the pipeline, nor with a foreign one', () => {
    const world = working()
    admitted(world, 'own', { runner: 'own' })
    claim(world, 'own', A, 'c1')
    const before = world.snapshot()
    expect(extend(world, 'j', A, null, 2)).toMatchObject({ kind: 'dead' })
    expect(extend(world, 'own', A, 'c2', 2)).toMatchObject({ kind: 'dead' })
    expect(world.snapshot()).toEqual(before)
  })
})

describe('a race for the last money of extensions', () => {
  it('of 20 that ask at once, grants exactly as many as there is money for', () => {
    const world = worldOf({ available: 20n * 105n + 7n * CALL + 49n })
    const ids = Array.from({ length: 20 }, (_, index) => `job-${index}`)
    for (const id of ids) {
      addJob(world, id, { runner: 'own' })
      admit(world, id)
    }
    const calls = ids.map((jobId) => {
      return { organizationId: ORG, jobId, stage: A, claimId: null, call: 2, parkedExpiresMs: 1 }
    })
    const verdicts = world.batch(calls.map((call) => ({ kind: 'extend', ...call })))
    expect(verdicts.filter((verdict) => (verdict as { kind: string }).kind === 'granted')).toHaveLength(7)
    expect(world.organization(ORG).available).toBe(49n)
    expectSound(world)
  })
})

function claimLater(world: World, claimId: string): void {
  world.now += LEASE_MS
  claim(world, 'j', A, claimId)
}

function letGo(world: World): void {
  world.run('let_go', { organizationId: ORG, jobId: 'j', stage: A, claimId: 'c1', usage: null })
}
