import { describe, expect, it } from 'vitest'
import type { Tariff } from '../../src/pricing/tariff.ts'
import type { World } from './world.ts'
import {
  about,
  addJob,
  admit,
  admitted,
  agentUsage,
  claim,
  extend,
  ORG,
  parked,
  plainTariff,
  settle,
  topUp,
  wake,
  worldOf,
} from './world-fixtures.ts'
import { expectSound } from './world-invariants.ts'

const A = 'agent.a'
const FAILURE = { code: 'agent-error', stage: A, detail: 'it broke' } as const
const output = (tokens: number) => ({ kind: 'output', tokens }) as const
const planOf = (minimumPerJob: bigint, terms: Partial<Tariff> = {}): Tariff => ({
  ...plainTariff,
  ...terms,
  minimumPerJob,
})

/** A job of one agent on a plan with a minimum. Without one, 105 would be held for it. */
function working(minimumPerJob: bigint, job: Parameters<typeof addJob>[2] = {}, available = 1_000n): World {
  const world = worldOf({ plan: planOf(minimumPerJob), available })
  admitted(world, 'j', job)
  return world
}

const linesOf = (world: World, stage: string) => world.stage('j', stage).lines ?? []
const reverse = (world: World) => world.run('reverse', { organizationId: ORG, jobId: 'j', failure: FAILURE })

describe('a job on a plan with a minimum', () => {
  it.each([
    // minimum | held | charged for the minimum | charged in all | released; 5 + 53 + 30 are used
    [0n, 105n, 0n, 88n, 17n],
    [88n, 105n, 0n, 88n, 17n],
    [89n, 105n, 1n, 89n, 16n],
    [105n, 105n, 17n, 105n, 0n],
    [150n, 150n, 62n, 150n, 0n],
  ])('of %s: holds %s and is charged %s for it, %s in all', (minimum, held, lacking, charged, released) => {
    const world = working(minimum)
    expect(world.organization(ORG).held).toBe(held - 5n)
    settle(world, 'j', A, agentUsage('a', 18, 25))
    expect(linesOf(world, A).map(({ kind }) => kind)).not.toContain('minimum')
    expect(settle(world, 'j', 'output', output(30))).toMatchObject({ charged: 30n + lacking, tokens: 30 })
    expect(world.job('j')).toMatchObject({ state: 'charged', charged, released, writtenOff: 0n })
    expect(world.organization(ORG)).toMatchObject({ available: 1_000n - charged, held: 0n })
    expect(linesOf(world, 'output')).toHaveLength(lacking > 0n ? 2 : 1)
    expectSound(world)
  })

  it('is charged what is lacking in one line of its own, with an entry like any charge', () => {
    const world = working(150n)
    settle(world, 'j', A, agentUsage('a', 18, 25))
    settle(world, 'j', 'output', output(30))
    const entry = world.entries.get('charge:j:output:minimum:-')
    expect(entry).toMatchObject({ kind: 'charge', debit: 'held', credit: 'revenue', amount: 62n, component: 'minimum' })
    expect(linesOf(world, 'output')[1]).toEqual({
      component: 'minimum',
      kind: 'minimum',
      model: null,
      llmModel: null,
      tokenClass: null,
      quantity: 1,
      source: 'counted',
      includedUsed: 0,
      billedQuantity: 1,
      price: 150n,
      per: 1,
      tiers: null,
      counterBefore: 0,
      counterAfter: 0,
      billedBefore: 0,
      amount: 62n,
      writtenOff: 0n,
      ledgerSeq: entry?.seq,
    })
    expect([...world.counters.values()].map(({ component }) => component)).not.toContain('minimum')
  })

  it('is not charged it again by a second delivery of its output', () => {
    const world = working(150n)
    settle(world, 'j', A, agentUsage('a', 18, 25))
    const first = settle(world, 'j', 'output', output(30))
    const ledger = world.ledger(ORG).length
    expect(settle(world, 'j', 'output', output(1))).toMatchObject({
      replayed: true,
      lines: first.kind === 'settled' ? first.lines : [],
    })
    expect(world.ledger(ORG)).toHaveLength(ledger)
    expectSound(world)
  })

  it('counts what was used beyond a bound: nothing more is due, and nothing is written off for it', () => {
    const world = working(150n)
    settle(world, 'j', A, agentUsage('a', 100, 30)) // 140 of the 145 that are left
    settle(world, 'j', 'output', output(30))
    expect(linesOf(world, 'output').map(({ kind }) => kind)).toEqual(['output_tokens'])
    expect(world.job('j')).toMatchObject({ charged: 150n, writtenOff: 25n })
    expectSound(world)
  })

  it('pays none if it is cancelled before its output', () => {
    const world = working(150n)
    settle(world, 'j', A, agentUsage('a', 18, 25))
    about(world, 'cancel', 'j')
    expect(world.job('j')).toMatchObject({ state: 'cancelled', charged: 58n, released: 92n })
    expect(world.organization(ORG)).toMatchObject({ available: 942n, held: 0n })
    expectSound(world)
  })

  it('pays none if it fails, not even where finished stages stay charged', () => {
    for (const chargeOnFailure of ['none', 'finished_stages'] as const) {
      const world = worldOf({ plan: planOf(150n, { chargeOnFailure }) })
      admitted(world, 'j')
      settle(world, 'j', A, agentUsage('a', 18, 25))
      const fail = { organizationId: ORG, jobId: 'j', stage: 'output', claimId: null, failure: FAILURE }
      expect(world.run('fail', fail)).toMatchObject({ kind: 'failed' })
      const kept = chargeOnFailure === 'none' ? 0n : 58n
      expect(world.organization(ORG)).toMatchObject({ available: 1_000n - kept, held: 0n })
      expectSound(world)
    }
  })

  it('is refused with what its minimum lacks, noted to the unit, and starts with just that', () => {
    const world = worldOf({ plan: planOf(150n), available: 149n })
    parked(world, 'j')
    expect(world.job('j').rejection).toMatchObject({ reason: 'insufficient', needed: 150n, missing: 1n, atLeast: 150n })
    expect(topUp(world, 1n, 'the last unit')).toMatchObject({ resumed: [{ jobId: 'j' }] })
    expect(world.organization(ORG)).toMatchObject({ available: 0n, held: 145n })
    expectSound(world)
  })

  it('fails where its limit is below the minimum, and says so; a limit of just that much starts', () => {
    const world = worldOf({ plan: planOf(150n) })
    addJob(world, 'j', { maxCost: 149n })
    expect(admit(world, 'j')).toMatchObject({
      kind: 'failed',
      failure: {
        code: 'max-cost-too-low',
        detail: expect.stringMatching(/below the minimum of 0.00000015 USD per job/),
      },
    })
    expect(world.organization(ORG)).toMatchObject({ available: 1_000n, held: 0n })
    addJob(world, 'k', { maxCost: 150n })
    expect(admit(world, 'k')).toMatchObject({ kind: 'admitted', held: 150n })
    expectSound(world)
  })

  it('asks for further calls what is held for its minimum, before it asks the balance', () => {
    const world = working(150n, {}, 160n)
    claim(world, 'j', A, 'c1')
    // 105 + 50 are needed now, and 150 are held
    expect(extend(world, 'j', A, 'c1', 2)).toMatchObject({ kind: 'granted', extended: 5n })
    expect(world.organization(ORG)).toMatchObject({ available: 5n, held: 150n })
    expectSound(world)
    settle(world, 'j', A, agentUsage('a', 40, 60))
    settle(world, 'j', 'output', output(40))
    expect(linesOf(world, 'output')).toHaveLength(1)
    expect(world.job('j')).toMatchObject({ charged: 155n, writtenOff: 0n, released: 0n })
    expectSound(world)
  })

  it('moves nothing for a further call that its minimum covers', () => {
    const world = working(200n, {}, 200n)
    claim(world, 'j', A, 'c1')
    expect(extend(world, 'j', A, 'c1', 2)).toMatchObject({ kind: 'granted', calls: 2, extended: 0n })
    settle(world, 'j', A, agentUsage('a', 1, 1))
    settle(world, 'j', 'output', output(0))
    expect(world.job('j')).toMatchObject({ charged: 200n, writtenOff: 0n })
    expectSound(world)
  })

  it('that is parked at a stage is resumed with the rest of its minimum, and never pays for it twice', () => {
    const world = working(150n, { steps: [['a'], ['b']] }, 170n) // 165 are held
    settle(world, 'j', A, agentUsage('a', 0, 0)) // of the 160 left, 150
    claim(world, 'j', 'agent.b', 'c1')
    expect(extend(world, 'j', 'agent.b', 'c1', 5)).toMatchObject({ kind: 'refused' })
    // 5 + 10 are paid: 10 + 5 × 50 + 40 are needed
    expect(world.job('j').rejection).toMatchObject({ needed: 300n, available: 155n, missing: 145n, atLeast: 300n })
    topUp(world, 145n, 'enough')
    expect(world.organization(ORG)).toMatchObject({ available: 0n, held: 300n })
    settle(world, 'j', 'agent.b', agentUsage('b', 1, 1))
    settle(world, 'j', 'output', output(3))
    expect(linesOf(world, 'output').map(({ amount }) => amount)).toEqual([3n, 150n - 5n - 10n - 12n - 3n])
    expect(world.job('j')).toMatchObject({ state: 'charged', charged: 150n })
    expect(world.organization(ORG).available).toBe(170n + 145n - 150n)
    expectSound(world)
  })

  it('whose siblings cost less than they might is parked and resumed for the rest of its minimum', () => {
    const world = working(300n, { steps: [['a', 'b']] }, 300n)
    claim(world, 'j', A, 'c1')
    claim(world, 'j', 'agent.b', 'c2')
    // 10 + 4 × 50, 60 and 40 are needed, and 295 are left
    expect(extend(world, 'j', A, 'c1', 4)).toMatchObject({ kind: 'refused', rejection: { needed: 15n }, parked: null })
    settle(world, 'j', 'agent.b', agentUsage('b', 0, 0))
    // 10 + 4 × 50 + 40 are less than what 5 + 10 lack to 300
    expect(world.job('j').rejection).toMatchObject({ needed: 285n, available: 285n, missing: 0n, atLeast: 285n })
    expect(wake(world)).toMatchObject({ resumed: [{ jobId: 'j' }] })
    expect(world.organization(ORG)).toMatchObject({ available: 0n, held: 285n })
    expectSound(world)
  })
})

describe('an own job on a plan with a minimum', () => {
  it('pays it with its output, even where its platform has left an agent out', () => {
    const world = working(150n, { runner: 'own' })
    expect(settle(world, 'j', 'output', output(30))).toMatchObject({ charged: 145n })
    expect(about(world, 'complete', 'j')).toMatchObject({ kind: 'completed', released: 0n })
    expect(world.job('j')).toMatchObject({ state: 'charged', charged: 150n })
    expectSound(world)
  })

  it('pays none if its platform ends it without an output', () => {
    const world = working(150n, { runner: 'own' })
    settle(world, 'j', A, agentUsage('a', 18, 25))
    expect(about(world, 'complete', 'j')).toMatchObject({ released: 92n })
    expect(world.job('j')).toMatchObject({ state: 'charged', charged: 58n })
    expectSound(world)
  })

  it('never pays more than was held, even if its output comes before its agent', () => {
    const world = working(100n, { runner: 'own' }) // 105 are held
    settle(world, 'j', 'output', output(30))
    settle(world, 'j', A, agentUsage('a', 18, 25))
    about(world, 'complete', 'j')
    expect(world.job('j')).toMatchObject({ charged: 105n, writtenOff: 48n })
    expectSound(world)
  })

  it('gets it back with everything else when its platform takes the job back', () => {
    const world = working(150n, { runner: 'own' })
    settle(world, 'j', A, agentUsage('a', 18, 25))
    settle(world, 'j', 'output', output(30))
    expect(reverse(world)).toEqual({ kind: 'reversed', reversed: 150n })
    expect(world.entries.get('reversal:charge:j:output:minimum:-')).toMatchObject({ amount: 62n })
    expect(world.organization(ORG)).toMatchObject({ available: 1_000n, held: 0n })
    expect([...world.counters.values()].map(({ component }) => component)).not.toContain('minimum')
    expectSound(world)
  })
})
