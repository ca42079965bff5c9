import { describe, expect, it } from 'vitest'
import { component, tariff } from '../pricing/tariff-fixtures.ts'
import type { World } from './world.ts'
import {
  about,
  addJob,
  admitted,
  agentUsage,
  claim,
  LEASE_MS,
  ORG,
  parked,
  plainTariff,
  settle,
  worldOf,
} from './world-fixtures.ts'
import { expectSound } from './world-invariants.ts'

const failure = { code: 'agent-error', stage: 'output', detail: 'it broke' } as const

const fail = (world: World, claimId: string | null, stage = 'output') =>
  world.run('fail', { organizationId: ORG, jobId: 'j', stage, claimId, failure })

/** A job whose agent is settled for 53 and whose output is claimed by c1. */
function atOutput(plan = plainTariff): World {
  const world = worldOf({ plan })
  admitted(world, 'j')
  settle(world, 'j', 'agent.a', agentUsage('a', 18, 25))
  claim(world, 'j', 'output', 'c1')
  return world
}

describe('a failed job', () => {
  it('costs nothing: its charges go back into the hold and leave with its release', () => {
    const world = atOutput()
    expect(fail(world, 'c1')).toEqual({ kind: 'failed', failure })
    const ends = world.ledger(ORG).slice(-5)
    expect(
      ends.map(({ kind, debit, credit, amount, reversesSeq }) => [kind, debit, credit, amount, reversesSeq]),
    ).toEqual([
      ['reversal', 'revenue', 'held', 5n, 3],
      ['reversal', 'revenue', 'held', 10n, 4],
      ['reversal', 'revenue', 'held', 18n, 5],
      ['reversal', 'revenue', 'held', 25n, 6],
      ['release', 'held', 'available', 105n, null],
    ])
    expect(ends[1]?.businessKey).toBe('reversal:charge:j:agent.a:fee-a:-')
    expect(world.organization(ORG)).toMatchObject({ available: 1_000n, held: 0n })
    expect(world.job('j')).toMatchObject({ state: 'failed', stage: 'output', failure, charged: 58n, reversed: 58n })
    expect(world.stagesOf('j').map((row) => [row.stage, row.state])).toEqual([
      ['input', 'reversed'],
      ['agent.a', 'reversed'],
      ['output', 'waiting'],
    ])
    expectSound(world)
  })

  it('keeps its finished stages charged where the plan says so', () => {
    const world = atOutput({ ...plainTariff, chargeOnFailure: 'finished_stages' })
    expect(fail(world, 'c1')).toEqual({ kind: 'failed', failure })
    expect(world.job('j')).toMatchObject({ state: 'failed', charged: 58n, reversed: 0n, released: 47n })
    expect(world.organization(ORG)).toMatchObject({ available: 942n, held: 0n })
    expect(world.stage('j', 'agent.a').state).toBe('charged')
    expectSound(world)
  })

  it('gives back what it counted, free units among it', () => {
    const world = atOutput(
      tariff(
        component({
          key: 'llm',
          kind: 'llm_tokens',
          price: 1n,
          per: 1,
          llmModel: '*',
          tokenClass: 'input',
          included: 9,
        }),
        component({ key: 'llm-out', kind: 'llm_tokens', price: 1n, per: 1, llmModel: '*', tokenClass: 'output' }),
      ),
    )
    expect(world.counters.get(`${ORG} ${plainTariff.planId} llm ${Date.UTC(2026, 0, 1)}`)).toMatchObject({
      includedUsed: 9,
    })
    fail(world, 'c1')
    for (const row of world.counters.values()) expect(row).toMatchObject({ used: 0, includedUsed: 0, reserved: 0 })
    expectSound(world)
  })

  it('does not give back what the platform wrote off', () => {
    const world = worldOf()
    admitted(world, 'j')
    settle(world, 'j', 'agent.a', agentUsage('a', 20, 200))
    fail(world, null)
    expect(world.job('j')).toMatchObject({ charged: 105n, reversed: 105n, writtenOff: 130n, released: 105n })
    expect(world.organization(ORG)).toMatchObject({ available: 1_000n, held: 0n })
    expectSound(world)
  })

  it('fails once', () => {
    const world = atOutput()
    fail(world, 'c1')
    const before = world.snapshot()
    expect(fail(world, 'c1')).toEqual({ kind: 'refused', state: 'failed' })
    expect(fail(world, null)).toEqual({ kind: 'refused', state: 'failed' })
    expect(about(world, 'cancel', 'j')).toEqual({ kind: 'refused', state: 'failed' })
    expect(world.snapshot()).toEqual(before)
  })

  it('absorbs late work, finished before or not, and takes no money', () => {
    const world = atOutput()
    fail(world, 'c1')
    const { seq } = world.organization(ORG)
    const late = settle(world, 'j', 'agent.a', agentUsage('a', 1, 1))
    expect(late).toEqual({ kind: 'absorbed', state: 'failed', cost: 12n })
    expect(world.stage('j', 'agent.a')).toMatchObject({ state: 'reversed', absorbed: 1, charged: 53n, tokens: 43 })
    expect(settle(world, 'j', 'output', { kind: 'output', tokens: 1 })).toMatchObject({ kind: 'absorbed', cost: 1n })
    expect(world.organization(ORG)).toMatchObject({ seq, available: 1_000n })
  })
})

describe('a failure report', () => {
  it.each<[string, string | null, string, number]>([
    ['a claim that was lost', 'c0', 'output', 0],
    ['nobody while a worker lives', null, 'output', LEASE_MS - 1],
    ['a claim on a stage that is settled', 'c1', 'agent.a', 0],
    ['nobody on a stage that is settled', null, 'agent.a', LEASE_MS],
  ])('of %s is refused', (_who, claimId, stage, laterMs) => {
    const world = atOutput()
    world.now += laterMs
    const before = world.snapshot()
    expect(fail(world, claimId, stage)).toEqual({ kind: 'refused', state: 'processing' })
    expect(world.snapshot()).toEqual(before)
  })

  it('of the sweep is taken once the claim has run out', () => {
    const world = atOutput()
    world.now += LEASE_MS
    expect(fail(world, null)).toEqual({ kind: 'failed', failure })
  })

  it('about an unknown job or stage is refused', () => {
    const world = atOutput()
    expect(fail(world, null, 'agent.nobody')).toEqual({ kind: 'refused', state: 'processing' })
    const call = { organizationId: ORG, jobId: 'nobody', stage: 'output', claimId: null, failure }
    expect(world.run('fail', call)).toEqual({ kind: 'refused', state: 'unknown' })
  })

  it('is never a parked one: nothing works on it that could fail', () => {
    const world = worldOf({ available: 0n })
    parked(world, 'j')
    const before = world.snapshot()
    expect(fail(world, null, 'input')).toEqual({ kind: 'refused', state: 'rejected_for_balance' })
    expect(world.snapshot()).toEqual(before)
  })
})

describe('a cancelled job', () => {
  it('keeps its finished stages charged, stops the running one and releases the rest', () => {
    const world = atOutput()
    expect(about(world, 'cancel', 'j')).toEqual({ kind: 'cancelled' })
    expect(world.job('j')).toMatchObject({
      state: 'cancelled',
      charged: 58n,
      reversed: 0n,
      released: 47n,
      failure: null,
    })
    expect(world.stage('j', 'output')).toMatchObject({ state: 'waiting', claimId: null, checkAt: null })
    expect(world.organization(ORG)).toMatchObject({ available: 942n, held: 0n })
    expectSound(world)
  })

  it('may be queued or parked, and cancels once', () => {
    const world = worldOf({ available: 0n })
    addJob(world, 'queued')
    parked(world, 'parked')
    for (const id of ['queued', 'parked']) {
      expect(about(world, 'cancel', id)).toEqual({ kind: 'cancelled' })
      expect(world.job(id)).toMatchObject({ state: 'cancelled', rejection: null, finishedAt: world.now })
      expect(about(world, 'cancel', id)).toEqual({ kind: 'refused', state: 'cancelled' })
    }
    expect(world.ledger(ORG)).toEqual([])
    expectSound(world)
  })

  it('that is unknown is refused', () => {
    const world = worldOf()
    expect(world.run('cancel', { organizationId: ORG, jobId: 'nobody' })).toEqual({ kind: 'refused', state: 'unknown' })
  })

  it('wakes whoever waits for its money', () => {
    const world = worldOf({ available: 105n })
    admitted(world, 'j')
    about(world, 'cancel', 'j')
    expect(world.written?.wake, 'nobody waits').toEqual([])
    admitted(world, 'k', {}, { output: 30 })
    parked(world, 'waiting')
    about(world, 'cancel', 'k')
    expect(world.written?.wake).toEqual([ORG])
  })
})

describe('an own job that is reversed', () => {
  const reverse = (world: World) => world.run('reverse', { organizationId: ORG, jobId: 'j', failure })

  it('costs nothing, whatever the plan says', () => {
    const world = worldOf({ plan: { ...plainTariff, chargeOnFailure: 'finished_stages' } })
    admitted(world, 'j', { runner: 'own' })
    settle(world, 'j', 'agent.a', agentUsage('a', 18, 25))
    expect(reverse(world)).toEqual({ kind: 'reversed', reversed: 58n })
    expect(world.organization(ORG)).toMatchObject({ available: 1_000n, held: 0n })
    expect(world.job('j')).toMatchObject({ state: 'failed', failure, charged: 58n, reversed: 58n })
    const before = world.snapshot()
    expect(reverse(world)).toEqual({ kind: 'dead', state: 'failed' })
    expect(world.snapshot()).toEqual(before)
    expectSound(world)
  })

  it('may never have been admitted, and must be known', () => {
    const world = worldOf()
    expect(reverse(world)).toEqual({ kind: 'dead', state: 'unknown' })
    addJob(world, 'j', { runner: 'own' })
    expect(reverse(world)).toEqual({ kind: 'reversed', reversed: 0n })
    expect(world.ledger(ORG)).toHaveLength(1)
  })
})

describe('cancel, failure and settle in one batch', () => {
  const of = { organizationId: ORG, jobId: 'j' }
  const calls = {
    cancel: { kind: 'cancel', ...of },
    fail: { kind: 'fail', ...of, stage: 'output', claimId: 'c1', failure },
    settle: { kind: 'settle', ...of, stage: 'output', usage: { kind: 'output', tokens: 30 }, result: null },
  } as const

  it.each([
    [['cancel', 'settle', 'fail'], 'cancelled', 942n],
    [['settle', 'cancel', 'fail'], 'charged', 912n],
    [['fail', 'settle', 'cancel'], 'failed', 1_000n],
  ] as const)('one of them wins, the first: %s', (order, state, available) => {
    const world = atOutput()
    world.batch(order.map((kind) => calls[kind]))
    expect(world.job('j').state).toBe(state)
    expect(world.organization(ORG)).toMatchObject({ available, held: 0n })
    expectSound(world)
  })
})
