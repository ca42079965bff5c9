import { describe, expect, it } from 'vitest'
import type { JobRow } from '../../src/ledger/facts.ts'
import { component, contractTariff, tariff } from '../pricing/tariff-fixtures.ts'
import type { World } from './world.ts'
import {
  about,
  addJob,
  admit,
  admitCall,
  admitted,
  agentUsage,
  boundsOf,
  claim,
  EXPIRES_MS,
  ORG,
  OUTPUT_LIMIT,
  parked,
  plainTariff,
  settle,
  topUp,
  usd,
  worldOf,
} from './world-fixtures.ts'
import { expectSound } from './world-invariants.ts'

const kinds = (world: World): readonly string[] => world.ledger(ORG).map(({ kind, amount }) => `${kind} ${amount}`)

describe('an admission', () => {
  it('holds the whole upper bound, charges the input in the same breath, and says what to enqueue', () => {
    const world = worldOf()
    addJob(world, 'j')
    expect(admit(world, 'j')).toMatchObject({
      kind: 'admitted',
      held: 105n,
      currency: 'USD',
      lines: [{ component: 'input', quantity: 5, amount: 5n, writtenOff: 0n, ledgerSeq: 3 }],
      next: { jobId: 'j', organizationId: ORG, stages: [{ stage: 'agent.a', delivery: 2 }], parent: null },
    })
    expect(kinds(world)).toEqual(['top_up 1000', 'hold 105', 'charge 5'])
    expect(world.organization(ORG)).toMatchObject({ available: 895n, held: 100n, seq: 3 })
    expect(world.job('j')).toMatchObject({
      state: 'processing',
      stage: 'agent.a',
      tariffVersionId: plainTariff.versionId,
      periodStart: Date.UTC(2026, 0, 1),
      generation: 1,
      charged: 5n,
      admittedAt: world.now,
    })
    expect(world.openHolds(ORG)).toMatchObject([{ jobId: 'j', generation: 1, amount: 105n, remaining: 100n }])
    expect(world.written?.changed).toEqual(['j'])
    expectSound(world)
  })

  it('holds and charges what the contract’s example says', () => {
    const world = worldOf({ plan: contractTariff, available: usd('10.00') })
    addJob(world, 'j', { steps: [['summarizer']] })
    const sizes = { input: 1_200, prompt: 1_400, completion: 1_024, output: 1_024 }
    expect(admit(world, 'j', sizes)).toMatchObject({ kind: 'admitted', held: usd('0.0030284') })
    expect(world.organization(ORG)).toMatchObject({ available: usd('9.9969716'), held: usd('0.0028484') })
    settle(world, 'j', 'agent.summarizer', agentUsage('summarizer', 1_300, 200))
    settle(world, 'j', 'output', { kind: 'output', tokens: 180 })
    expect(world.job('j')).toMatchObject({ state: 'charged', charged: usd('0.001675'), released: usd('0.0013534') })
    expect(world.organization(ORG)).toMatchObject({ available: usd('9.998325'), held: 0n })
    expectSound(world)
  })

  it('of a job that costs nothing holds nothing, writes no entry and still starts it', () => {
    const world = worldOf({ plan: tariff(), available: 0n })
    addJob(world, 'j')
    expect(admit(world, 'j')).toMatchObject({ kind: 'admitted', held: 0n, lines: [{ component: null, amount: 0n }] })
    expect(kinds(world)).toEqual([])
    expect(world.openHolds(ORG)).toMatchObject([{ amount: 0n, remaining: 0n }])
    expect(admit(world, 'j')).toMatchObject({ kind: 'admitted', held: 0n })
    expectSound(world)
  })

  it('may go down to the overdraft limit, and not one unit below', () => {
    const world = worldOf({ available: 5n, overdraft: 100n })
    admitted(world, 'j')
    expect(world.organization(ORG)).toMatchObject({ available: -100n, held: 100n })
    addJob(world, 'k')
    const refused = { reason: 'insufficient', needed: 105n, available: -100n, missing: 105n }
    expect(admit(world, 'k')).toMatchObject({ kind: 'refused', rejection: refused })
    expectSound(world)
  })

  it('of an own job plans nothing to enqueue', () => {
    const world = worldOf()
    addJob(world, 'j', { runner: 'own' })
    expect(admit(world, 'j')).toMatchObject({ kind: 'admitted', held: 105n, next: null })
  })
})

describe('a refused admission', () => {
  it.each<[string, string, Parameters<typeof worldOf>[0], readonly string[], bigint, bigint]>([
    // why                                    reason            organisation                          jobs before  available missing
    ['there is too little money', 'insufficient', { available: 104n }, [], 104n, 1n],
    ['there is none', 'insufficient', { available: 0n }, [], 0n, 105n],
    ['others hold too little to help', 'insufficient', { available: 105n }, ['x'], 0n, 105n],
    ['it fits once the others’ holds close', 'held_by_others', { available: 209n }, ['x'], 104n, 1n],
    ['it fits to the unit once they close', 'held_by_others', { available: 110n }, ['x'], 5n, 100n],
    ['a fee is due', 'past_due', { status: 'past_due' }, [], 1_000n, 0n],
    ['spending is frozen', 'frozen', { status: 'frozen' }, [], 1_000n, 0n],
    ['the organisation is suspended', 'past_due', { status: 'suspended' }, [], 1_000n, 0n],
    ['spending is frozen and money is short', 'frozen', { status: 'frozen', available: 5n }, [], 5n, 100n],
  ])('because %s says %s', (_why, reason, options, before, available, missing) => {
    const world = worldOf(options)
    for (const id of before) admitted(world, id)
    const [heldBefore, seqBefore] = [world.organization(ORG).held, world.organization(ORG).seq]
    addJob(world, 'j')
    claim(world, 'j', 'input', 'c1')
    const rejection = { reason, stage: 'input', needed: 105n, available, missing, atLeast: 105n }
    const expiresAt = world.now + EXPIRES_MS
    const answer = { kind: 'refused', rejection, expiresAt, generation: 0, currency: 'USD' }
    expect(admit(world, 'j')).toEqual(answer)
    expect(world.job('j')).toMatchObject({ state: 'rejected_for_balance', rejection, parkedAt: world.now, expiresAt })
    expect(world.stage('j', 'input')).toMatchObject({ state: 'waiting', claimId: null, checkAt: null, starts: 1 })
    expect(world.organization(ORG)).toMatchObject({ available, held: heldBefore, seq: seqBefore })
    expectSound(world)
  })

  it('leaves an own job queued, whose platform asks again', () => {
    const world = worldOf({ available: 0n })
    addJob(world, 'j', { runner: 'own' })
    expect(admit(world, 'j')).toMatchObject({ kind: 'refused', rejection: { missing: 105n } })
    expect(world.job('j')).toMatchObject({ state: 'queued', rejection: null, parkedAt: null })
    topUp(world, 105n, 'more')
    expect(admit(world, 'j')).toMatchObject({ kind: 'admitted', held: 105n })
    expectSound(world)
  })
})

describe('a hopeless admission', () => {
  const unpriced = tariff(
    component({ key: 'in', kind: 'llm_tokens', price: 1n, per: 1, llmModel: 'm2', tokenClass: 'input' }),
  )

  it.each<[string, string, Parameters<typeof worldOf>[0], Partial<JobRow>]>([
    ['not-a-member', 'input', {}, { userId: 'nobody' }],
    ['unpriced-model', 'agent.a', { plan: unpriced }, {}],
    ['max-cost-too-low', 'input', {}, { maxCost: 36n }],
  ])('fails the job with %s at %s and charges nothing', (code, stage, options, fields) => {
    const world = worldOf(options)
    addJob(world, 'j', fields)
    expect(admit(world, 'j')).toMatchObject({ kind: 'failed', failure: { code, stage } })
    expect(world.job('j')).toMatchObject({
      state: 'failed',
      stage,
      failure: { code },
      finishedAt: world.now,
      charged: 0n,
    })
    expect(kinds(world)).toEqual(['top_up 1000'])
    expect(world.holds.size).toBe(0)
    expectSound(world)
  })

  it('asked again answers the failure that was decided', () => {
    const world = worldOf()
    addJob(world, 'j', { maxCost: 1n })
    const first = admit(world, 'j')
    const before = world.snapshot()
    expect(admit(world, 'j')).toEqual(first)
    expect(world.snapshot()).toEqual(before)
  })

  it('names a member whose seat is not paid as no active one', () => {
    const world = worldOf({ available: 0n })
    world.run('add_member', { organizationId: ORG, userId: 'u1', role: 'member', operation: 'op-1' })
    addJob(world, 'j', { userId: 'u1' })
    expect(admit(world, 'j')).toMatchObject({ kind: 'failed', failure: { code: 'not-a-member' } })
  })

  it('does not touch a job of an active member', () => {
    const world = worldOf({ available: usd('100.00') })
    world.run('add_member', { organizationId: ORG, userId: 'u1', role: 'member', operation: 'op-1' })
    addJob(world, 'j', { userId: 'u1' })
    expect(admit(world, 'j')).toMatchObject({ kind: 'admitted' })
  })
})

describe('a cost limit', () => {
  it('shrinks what the model may write until the hold fits', () => {
    const world = worldOf()
    // 5 input, 10 fee, 20 prompt are fixed; the rest is for the agent's and the job's output.
    addJob(world, 'j', { maxCost: 45n })
    const verdict = admit(world, 'j')
    expect(verdict.kind === 'admitted' && verdict.held <= 45n && verdict.held > 38n).toBe(true)
    const bound = world.stage('j', 'agent.a').bound
    expect(bound?.kind === 'agent' && bound.llm?.maxOutputTokens).toBeLessThan(30)
    expectSound(world)
  })

  it('is kept where free units that it counted on were used up while the job was parked', () => {
    const plan = tariff(component({ key: 'output', kind: 'output_tokens', price: 10n, per: 1, included: 40 }))
    const world = worldOf({ plan, available: 0n })
    world.organization(ORG).status = 'past_due'
    parked(world, 'limited', { maxCost: 200n })
    expect(world.job('limited').rejection).toMatchObject({ needed: 0n, reason: 'past_due' })
    world.organization(ORG).status = 'active'
    admitted(world, 'greedy')
    settle(world, 'greedy', 'agent.a', agentUsage('a', 1, 1))
    settle(world, 'greedy', 'output', { kind: 'output', tokens: 40 })

    const { resumedJobs } = (topUp(world, 1_000n, 'more') as { details: { resumedJobs: readonly string[] } }).details
    expect(resumedJobs).toEqual(['limited'])
    expect(world.openHolds(ORG)).toMatchObject([{ jobId: 'limited', amount: 200n }])
    expect(world.stage('limited', 'output').bound).toEqual({ kind: 'output', maxTokens: 20 })
    settle(world, 'limited', 'agent.a', agentUsage('a', 1, 1))
    settle(world, 'limited', 'output', { kind: 'output', tokens: 40 })
    expect(world.job('limited')).toMatchObject({ state: 'charged', charged: 200n, writtenOff: 200n })
    expectSound(world)
  })

  it('fails a parked job that can never fit under it any more', () => {
    const plan = tariff(component({ key: 'output', kind: 'output_tokens', price: 10n, per: 1, included: 40 }))
    const world = worldOf({ plan, available: 0n })
    world.organization(ORG).status = 'past_due'
    parked(world, 'limited', { maxCost: 9n })
    world.organization(ORG).status = 'active'
    admitted(world, 'greedy')
    topUp(world, 1_000n, 'more')
    expect(world.job('limited')).toMatchObject({ state: 'failed', failure: { code: 'max-cost-too-low' }, charged: 0n })
    expectSound(world)
  })
})

describe('an admission asked again', () => {
  it('answers what was decided and holds nothing twice', () => {
    const world = worldOf()
    addJob(world, 'j')
    const first = admit(world, 'j')
    const before = world.snapshot()
    expect(admit(world, 'j', { input: 500 })).toEqual(first)
    expect(world.snapshot()).toEqual(before)
  })

  it('of a parked job answers the refusal that was decided, though it would fit by now', () => {
    const world = worldOf({ available: 0n })
    addJob(world, 'j')
    const first = admit(world, 'j')
    world.organization(ORG).overdraftLimit = 1_000n
    expect(admit(world, 'j')).toEqual(first)
    expect(world.job('j').state).toBe('rejected_for_balance')
  })

  it.each<[string, (world: World) => void]>([
    ['cancelled', (world) => void about(world, 'cancel', 'j')],
    [
      'charged',
      (world) => {
        settle(world, 'j', 'agent.a', agentUsage('a', 1, 1))
        settle(world, 'j', 'output', { kind: 'output', tokens: 1 })
      },
    ],
  ])('of a job that is %s finds a dead end', (state, prepare) => {
    const world = worldOf()
    admitted(world, 'j')
    prepare(world)
    const before = world.snapshot()
    expect(admit(world, 'j')).toEqual({ kind: 'dead', state })
    expect(world.snapshot()).toEqual(before)
  })

  it('of an unknown job finds a dead end', () => {
    const world = worldOf()
    const call = { bounds: boundsOf({ steps: [] }), outputLimit: OUTPUT_LIMIT, parkedExpiresMs: 1 }
    expect(world.run('admit', { organizationId: ORG, jobId: 'nobody', ...call })).toEqual({
      kind: 'dead',
      state: 'unknown',
    })
  })
})

describe('a race for the last cent', () => {
  it('admits exactly as many of 1,000 jobs in one batch as the money is worth', () => {
    const fee = tariff(component({ key: 'fee', kind: 'agent', price: 7n, agent: 'a' }))
    const world = worldOf({ plan: fee, available: 4_000n })
    const calls = Array.from({ length: 1_000 }, (_, index) => {
      return { kind: 'admit' as const, ...admitCall(world, addJob(world, `j${String(index).padStart(3, '0')}`)) }
    })
    const verdicts = world.batch(calls) as readonly { kind: string }[]
    expect(verdicts.filter(({ kind }) => kind === 'admitted')).toHaveLength(571)
    expect(verdicts.filter(({ kind }) => kind === 'refused')).toHaveLength(429)
    expect(
      verdicts.slice(0, 571).every(({ kind }) => kind === 'admitted'),
      'first come, first served',
    ).toBe(true)
    expect(world.organization(ORG)).toMatchObject({ available: 3n, held: 3_997n, seq: 572 })
    expect(world.parked(ORG)).toHaveLength(429)
    expectSound(world)
  })
})
