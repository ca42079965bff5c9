import { describe, expect, it } from 'vitest'
import { component, tariff } from '../pricing/tariff-fixtures.ts'
import {
  about,
  addJob,
  admitted,
  agentUsage,
  boundsOf,
  claim,
  ORG,
  OUTPUT_LIMIT,
  parked,
  settle,
  topUp,
  worldOf,
} from './world-fixtures.ts'
import { expectSound } from './world-invariants.ts'

const output = (tokens: number) => ({ kind: 'output', tokens }) as const

describe('a settled stage', () => {
  it('is charged out of the hold, line by line, and says what comes next', () => {
    const world = worldOf()
    admitted(world, 'j')
    claim(world, 'j', 'agent.a', 'c1')
    expect(settle(world, 'j', 'agent.a', agentUsage('a', 18, 25), 'a summary')).toMatchObject({
      kind: 'settled',
      replayed: false,
      charged: 53n,
      tokens: 43,
      state: 'processing',
      next: { stages: [{ stage: 'output', delivery: 3 }], parent: null },
      lines: [
        { component: 'fee-a', amount: 10n, ledgerSeq: 4 },
        { component: 'llm-in', tokenClass: 'input', amount: 18n, ledgerSeq: 5 },
        { component: 'llm-out', tokenClass: 'output', amount: 25n, ledgerSeq: 6 },
      ],
    })
    expect(world.organization(ORG)).toMatchObject({ available: 895n, held: 47n })
    expect(world.stage('j', 'agent.a')).toMatchObject({
      state: 'charged',
      charged: 53n,
      result: 'a summary',
      claimId: null,
      checkAt: null,
      finishedAt: world.now,
    })
    expect(world.job('j')).toMatchObject({ state: 'processing', stage: 'output', charged: 58n })
    expectSound(world)
  })

  it('needs no claim: the stage decides, whoever brings the work', () => {
    const world = worldOf()
    admitted(world, 'j')
    claim(world, 'j', 'agent.a', 'c1')
    world.now += 60_000
    claim(world, 'j', 'agent.a', 'c2')
    expect(settle(world, 'j', 'agent.a', agentUsage('a', 1, 1))).toMatchObject({ kind: 'settled', replayed: false })
    expect(settle(world, 'j', 'agent.a', agentUsage('a', 9, 9))).toMatchObject({ replayed: true, charged: 12n })
  })

  it('answers its stored lines to a replay, whatever usage is given now, and counts it as absorbed', () => {
    const world = worldOf()
    admitted(world, 'j')
    const first = settle(world, 'j', 'agent.a', agentUsage('a', 18, 25), 'first')
    const { seq, available, held } = world.organization(ORG)
    const again = settle(world, 'j', 'agent.a', agentUsage('a', 20, 30), 'second')
    expect(first.kind === 'settled' && again).toEqual({ ...first, replayed: true, absorbed: 60n })
    expect(world.organization(ORG)).toMatchObject({ seq, available, held })
    expect(world.stage('j', 'agent.a')).toMatchObject({ absorbed: 1, result: 'first', tokens: 43 })
    expectSound(world)
  })

  it('is charged once where the same work arrives many times in one batch', () => {
    const world = worldOf()
    admitted(world, 'j')
    const call = { kind: 'settle', organizationId: ORG, jobId: 'j', stage: 'agent.a', result: null } as const
    const verdicts = world.batch(
      Array.from({ length: 100 }, (_, index) => ({ ...call, usage: agentUsage('a', index % 20, 1) })),
    )
    expect(verdicts.filter((verdict) => !(verdict as { replayed: boolean }).replayed)).toHaveLength(1)
    expect(world.stage('j', 'agent.a')).toMatchObject({ charged: 11n, absorbed: 99 })
    expectSound(world)
  })

  it('is settled once even where every line is 0', () => {
    const world = worldOf({ plan: tariff() })
    admitted(world, 'j')
    expect(settle(world, 'j', 'agent.a', agentUsage('a', 3, 4))).toMatchObject({ replayed: false, charged: 0n })
    expect(settle(world, 'j', 'agent.a', agentUsage('a', 3, 4))).toMatchObject({ replayed: true, charged: 0n })
    expect(world.ledger(ORG)).toHaveLength(1)
  })

  it('releases the rest and charges the job once it is the last one', () => {
    const world = worldOf()
    admitted(world, 'j')
    settle(world, 'j', 'agent.a', agentUsage('a', 18, 25))
    expect(settle(world, 'j', 'output', output(30), 'done')).toMatchObject({
      state: 'charged',
      charged: 30n,
      next: null,
    })
    expect(world.job('j')).toMatchObject({
      state: 'charged',
      stage: null,
      charged: 88n,
      released: 17n,
      finishedAt: world.now,
    })
    expect(world.organization(ORG)).toMatchObject({ available: 912n, held: 0n })
    expect(world.ledger(ORG).at(-1)).toMatchObject({ kind: 'release', amount: 17n, businessKey: 'release:j:1' })
    expect(world.openHolds(ORG)).toEqual([])
    expectSound(world)
  })

  it('closes a hold of which nothing is left without an entry', () => {
    const world = worldOf()
    admitted(world, 'j')
    settle(world, 'j', 'agent.a', agentUsage('a', 20, 30))
    settle(world, 'j', 'output', output(40))
    expect(world.ledger(ORG).at(-1)).toMatchObject({ kind: 'charge' })
    expect(world.organization(ORG)).toMatchObject({ available: 895n, held: 0n })
    expectSound(world)
  })

  it('waits for all of its siblings before the next step', () => {
    const world = worldOf()
    admitted(world, 'j', { steps: [['a', 'b']] })
    expect(settle(world, 'j', 'agent.b', agentUsage('b', 1, 1))).toMatchObject({ next: null })
    expect(world.job('j').stage).toBe('agent.a')
    expect(settle(world, 'j', 'agent.a', agentUsage('a', 1, 1))).toMatchObject({ next: null })
    expect(world.stage('j', 'output').checkAt, 'it comes as the parent of the flow').not.toBeNull()
  })
})

describe('usage above what is held', () => {
  it('is written off: the customer never pays more than the quote', () => {
    const world = worldOf()
    admitted(world, 'j')
    expect(settle(world, 'j', 'agent.a', agentUsage('a', 20, 200))).toMatchObject({
      charged: 100n,
      lines: [
        { amount: 10n, writtenOff: 0n },
        { amount: 20n, writtenOff: 0n },
        { amount: 70n, writtenOff: 130n },
      ],
    })
    expect(settle(world, 'j', 'output', output(40))).toMatchObject({
      state: 'charged',
      charged: 0n,
      lines: [{ amount: 0n, writtenOff: 40n, ledgerSeq: null }],
    })
    expect(world.job('j')).toMatchObject({ charged: 105n, writtenOff: 170n, released: 0n })
    expect(world.organization(ORG)).toMatchObject({ available: 895n, held: 0n })
    expect(world.ledger(ORG).filter(({ kind }) => kind === 'write_off')).toMatchObject([
      { amount: 130n, debit: 'write_off', credit: 'revenue', businessKey: 'write_off:j:agent.a:llm-out:output' },
      { amount: 40n, businessKey: 'write_off:j:output:output:-' },
    ])
    expectSound(world)
  })
})

describe('work that comes too late', () => {
  it('is absorbed by a final job, without an entry', () => {
    const world = worldOf()
    admitted(world, 'j')
    about(world, 'cancel', 'j')
    const { seq } = world.organization(ORG)
    expect(settle(world, 'j', 'agent.a', agentUsage('a', 1, 1))).toEqual({
      kind: 'absorbed',
      state: 'cancelled',
      cost: 12n,
    })
    expect(world.stage('j', 'agent.a')).toMatchObject({ state: 'waiting', absorbed: 1, charged: 0n })
    expect(world.organization(ORG)).toMatchObject({ seq, available: 995n, held: 0n })
  })

  it('is absorbed by a job without a hold, parked or never admitted', () => {
    const world = worldOf({ available: 0n })
    parked(world, 'j')
    addJob(world, 'k')
    expect(settle(world, 'j', 'agent.a', agentUsage('a', 1, 1))).toEqual({
      kind: 'absorbed',
      state: 'rejected_for_balance',
      cost: 0n,
    })
    expect(settle(world, 'k', 'input', { kind: 'input', tokens: 5 })).toEqual({
      kind: 'absorbed',
      state: 'queued',
      cost: 0n,
    })
    expect(world.ledger(ORG)).toEqual([])
  })

  it('for an unknown job or stage changes nothing', () => {
    const world = worldOf()
    admitted(world, 'j')
    const before = world.snapshot()
    const nothing = { kind: 'absorbed', state: 'unknown', cost: 0n }
    expect(settle(world, 'j', 'agent.nobody', agentUsage('a', 1, 1))).toEqual(nothing)
    const call = { organizationId: ORG, jobId: 'nobody', stage: 'output', usage: output(1), result: null }
    expect(world.run('settle', call)).toEqual(nothing)
    expect(world.snapshot()).toEqual(before)
  })
})

describe('free units', () => {
  const plan = tariff(component({ key: 'output', kind: 'output_tokens', price: 1n, per: 1, included: 50 }))

  it('are promised at admission, kept from others, and given back by whoever does not use them', () => {
    const world = worldOf({ plan, available: 100n })
    admitted(world, 'first')
    admitted(world, 'second')
    const counter = () => [...world.counters.values()].find((row) => row.component === 'output')
    expect(counter()).toMatchObject({ used: 0, includedUsed: 0, reserved: 50 })
    expect(world.openHolds(ORG).map((hold) => hold.amount)).toEqual([0n, 30n])
    for (const id of ['first', 'second']) settle(world, id, 'agent.a', agentUsage('a', 1, 1))
    settle(world, 'second', 'output', output(40))
    expect(world.job('second').charged).toBe(30n)
    settle(world, 'first', 'output', output(25))
    expect(world.job('first').charged).toBe(0n)
    expect(counter()).toMatchObject({ used: 65, includedUsed: 35, reserved: 0 })
    admitted(world, 'third')
    expect(world.openHolds(ORG)).toMatchObject([{ jobId: 'third', amount: 25n }])
    expectSound(world)
  })
})

describe('an own job', () => {
  it('is ended by its platform’s word: what was settled stays charged, the rest goes back', () => {
    const world = worldOf()
    admitted(world, 'j', { runner: 'own' })
    claim(world, 'j', 'agent.a', 'c1')
    expect(about(world, 'complete', 'j')).toEqual({ kind: 'completed', released: 100n })
    expect(world.job('j')).toMatchObject({ state: 'charged', charged: 5n, released: 100n })
    expect(world.stage('j', 'agent.a')).toMatchObject({ state: 'waiting', claimId: null })
    const before = world.snapshot()
    expect(about(world, 'complete', 'j')).toEqual({ kind: 'dead', state: 'charged' })
    expect(world.snapshot()).toEqual(before)
    expectSound(world)
  })

  it('does not end by itself when its last stage is settled', () => {
    const world = worldOf()
    admitted(world, 'j', { runner: 'own' })
    settle(world, 'j', 'agent.a', agentUsage('a', 1, 1))
    expect(settle(world, 'j', 'output', output(1))).toMatchObject({ state: 'processing', next: null })
    expect(about(world, 'complete', 'j')).toMatchObject({ kind: 'completed', released: 87n })
    expectSound(world)
  })

  it('of nobody cannot be ended', () => {
    const world = worldOf()
    expect(world.run('complete', { organizationId: ORG, jobId: 'nobody' })).toEqual({ kind: 'dead', state: 'unknown' })
  })
})

describe('a job of the last period', () => {
  it('counts in the period of its admission, however late it settles', () => {
    const plan = tariff(component({ key: 'output', kind: 'output_tokens', price: 1n, per: 1, included: 50 }))
    const world = worldOf({ plan, available: 100n })
    admitted(world, 'old')
    world.now = Date.UTC(2026, 1, 3)
    addJob(world, 'new')
    const limits = { bounds: boundsOf({ steps: [['a']] }), outputLimit: OUTPUT_LIMIT, parkedExpiresMs: 1 }
    world.run('admit', { organizationId: ORG, jobId: 'new', ...limits })
    settle(world, 'old', 'agent.a', agentUsage('a', 1, 1))
    settle(world, 'old', 'output', output(40))
    topUp(world, 1n, 'end')
    const byPeriod = [...world.counters.values()].filter((row) => row.component === 'output')
    expect(byPeriod).toMatchObject([
      { periodStart: Date.UTC(2026, 0, 1), used: 40, includedUsed: 40, reserved: 0 },
      { periodStart: Date.UTC(2026, 1, 1), used: 0, includedUsed: 0, reserved: 40 },
    ])
    expectSound(world)
  })
})
