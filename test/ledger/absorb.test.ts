import { describe, expect, it } from 'vitest'
import { about, admitted, agentUsage, claim, ORG, settle, worldOf } from './world-fixtures.ts'
import { expectSound } from './world-invariants.ts'

const of = { organizationId: ORG, jobId: 'j', stage: 'agent.a' } as const

function claimedWorld() {
  const world = worldOf()
  admitted(world, 'j')
  claim(world, 'j', 'agent.a', 'c')
  return world
}

describe('work that nobody pays for is kept as the platform’s own cost', () => {
  it('of a run that comes after the charge, with all its calls', () => {
    const world = claimedWorld()
    settle(world, 'j', 'agent.a', agentUsage('a', 1, 2))
    const { available, held, seq } = world.organization(ORG)
    const lost = agentUsage('a', 5, 6)
    const verdict = world.run('settle', { ...of, usage: agentUsage('a', 3, 4), result: null, lost })
    expect(verdict).toMatchObject({ replayed: true, absorbed: 28n })
    expect(world.absorbed).toMatchObject([{ ...of, reason: 'replayed', tokens: 18, cost: 28n, createdAt: world.now }])
    expect(world.organization(ORG)).toMatchObject({ available, held, seq })
    expectSound(world)
  })

  it('of a run whose job has ended', () => {
    const world = claimedWorld()
    about(world, 'cancel', 'j')
    const { available, held, seq } = world.organization(ORG)
    expect(settle(world, 'j', 'agent.a', agentUsage('a', 3, 4))).toMatchObject({ kind: 'absorbed', cost: 17n })
    expect(world.absorbed).toMatchObject([{ reason: 'late', tokens: 7, cost: 17n }])
    expect(world.organization(ORG)).toMatchObject({ available, held, seq })
  })

  it('of a run that failed or was stopped', () => {
    const world = claimedWorld()
    const usage = agentUsage('a', 3, 4)
    expect(world.run('let_go', { ...of, claimId: 'c', usage })).toMatchObject({ cost: 17n })
    expect(world.absorbed).toMatchObject([{ reason: 'abandoned', tokens: 7, cost: 17n, usage }])
    expect(world.run('let_go', { ...of, claimId: 'c', usage: null })).toMatchObject({ cost: 0n })
    expect(world.absorbed).toHaveLength(1)
  })

  it('of calls that broke off in a run that was charged: the customer pays for the answered ones alone', () => {
    const world = claimedWorld()
    const lost = agentUsage('a', 5, 6)
    const verdict = world.run('settle', { ...of, usage: agentUsage('a', 3, 4), result: null, lost })
    expect(verdict).toMatchObject({ replayed: false, charged: 17n, tokens: 7, absorbed: 0n })
    expect(world.absorbed).toMatchObject([{ reason: 'broken_off', tokens: 11, usage: lost }])
    expectSound(world)
  })

  it('without the texts that it was counted in: its rows outlive those of the job', () => {
    const world = claimedWorld()
    const raw = { shape: 'tollkeeper', usage: { input: -1 } } as const
    const counted = { prompt: ['of a customer'], answer: ['for a customer'] }
    const call = { model: 'm1', source: 'counted', classes: { input: 3, output: 4 } } as const
    const llm = [
      { ...call, evidence: { raw, counted } },
      { ...call, evidence: { raw: null, counted } },
    ]
    world.run('let_go', { ...of, claimId: 'c', usage: { kind: 'agent', agent: 'a', llm } })
    const kept = [{ ...call, evidence: { raw } }, call]
    expect(world.absorbed).toMatchObject([{ tokens: 14, usage: { llm: kept } }])
    expect(
      JSON.stringify(world.absorbed, (_, value) => (typeof value === 'bigint' ? `${value}` : value)),
    ).not.toContain('customer')
  })

  it('once, where a call is made again because its answer was lost', () => {
    const world = claimedWorld()
    about(world, 'cancel', 'j')
    const usage = agentUsage('a', 3, 4)
    world.batch([{ kind: 'settle', ...of, usage, result: null, repeated: true }])
    world.batch([{ kind: 'let_go', ...of, claimId: 'c', usage, repeated: true }])
    expect(world.absorbed).toEqual([])
    expect(world.stage('j', 'agent.a').absorbed).toBe(0)
  })
})
