import { describe, expect, it } from 'vitest'
import type { Funding } from '../../src/ledger/calls.ts'
import { component, tariff } from '../pricing/tariff-fixtures.ts'
import type { World } from './world.ts'
import {
  about,
  addJob,
  admitCall,
  admitted,
  agentUsage,
  ORG,
  parked,
  plainTariff,
  settle,
  topUp,
  wake,
  worldOf,
} from './world-fixtures.ts'
import { expectSound } from './world-invariants.ts'

const resumedBy = (funding: Funding): readonly string[] =>
  funding.kind === 'funded' ? funding.details.resumedJobs : []
const ids = (world: World): readonly string[] => world.parked(ORG).map((job) => job.id)

describe('a wake', () => {
  it('resumes what fits, oldest first, and passes over what does not', () => {
    const world = worldOf({ available: 0n })
    parked(world, 'first')
    parked(world, 'large', {}, { output: 400 })
    parked(world, 'third')
    parked(world, 'fourth')
    const funding = topUp(world, 250n, 'more')
    expect(resumedBy(funding)).toEqual(['first', 'third'])
    expect(funding).toMatchObject({
      resumed: [
        { jobId: 'first', stages: [{ stage: 'agent.a', delivery: 2 }], parent: null },
        { jobId: 'third', stages: [{ stage: 'agent.a', delivery: 2 }], parent: null },
      ],
      details: { balance: { available: 40n, held: 200n, parked: 2 } },
    })
    expect(world.job('first')).toMatchObject({ state: 'processing', rejection: null, parkedAt: null, expiresAt: null })
    expect(ids(world)).toEqual(['large', 'fourth'])
    expectSound(world)
  })

  it('breaks a tie of parking times by the id', () => {
    const world = worldOf({ available: 0n })
    for (const id of ['b', 'c', 'a']) {
      parked(world, id)
      world.now -= 1
    }
    expect(resumedBy(topUp(world, 210n, 'more'))).toEqual(['a', 'b'])
  })

  it('refreshes the reason and the figures of what it passes over, and their time of parking stays', () => {
    const world = worldOf({ available: 155n })
    admitted(world, 'j')
    parked(world, 'k', {}, { output: 60 })
    const { parkedAt, expiresAt } = world.job('k')
    expect(world.job('k').rejection).toMatchObject({ reason: 'held_by_others', available: 50n, missing: 75n })
    settle(world, 'j', 'agent.a', agentUsage('a', 20, 30))
    wake(world)
    expect(world.job('k').rejection, 'what is held would not do').toMatchObject({
      reason: 'insufficient',
      missing: 75n,
    })
    topUp(world, 5n, 'cents')
    expect(world.job('k').rejection).toMatchObject({ reason: 'insufficient', available: 55n, missing: 70n })
    world.organization(ORG).status = 'frozen'
    expect(wake(world)).toEqual({ resumed: [], members: [], hopeless: [], more: null })
    expect(world.job('k')).toMatchObject({ rejection: { reason: 'frozen', needed: 125n }, parkedAt, expiresAt })
    expectSound(world)
  })

  it('writes nothing where nothing has changed', () => {
    const world = worldOf({ available: 0n })
    parked(world, 'j')
    const before = world.snapshot()
    expect(wake(world)).toEqual({ resumed: [], members: [], hopeless: [], more: null })
    expect(world.snapshot()).toEqual(before)
    expect(world.written?.jobs).toEqual([])
  })

  it('spends the same money once, however many wakes come', () => {
    const world = worldOf({ available: 0n })
    for (const id of ['j', 'k', 'l']) parked(world, id)
    world.organization(ORG).overdraftLimit = 210n
    const call = { kind: 'wake', organizationId: ORG, jobId: null, scope: 'all', after: null } as const
    const resumed = world.batch([call, call, call]).map((verdict) => (verdict as { resumed: unknown[] }).resumed.length)
    expect(resumed).toEqual([2, 0, 0])
    expect(world.organization(ORG).available).toBe(-210n)
    expectSound(world)
  })

  it('for one job looks at that one only', () => {
    const world = worldOf({ available: 0n })
    for (const id of ['j', 'k']) parked(world, id)
    world.run('add_member', { organizationId: ORG, userId: 'u1', role: 'member', operation: 'op-1' })
    world.organization(ORG).overdraftLimit = 1_000n
    expect(wake(world, { jobId: 'k' })).toMatchObject({
      resumed: [{ jobId: 'k' }],
      members: [],
      hopeless: [],
      more: null,
    })
    expect(wake(world, { jobId: 'k' }), 'again').toEqual({ resumed: [], members: [], hopeless: [], more: null })
    expect(wake(world, { jobId: 'nobody' })).toEqual({ resumed: [], members: [], hopeless: [], more: null })
    expect(ids(world)).toEqual(['j'])
  })

  it('seats pending members before it resumes jobs', () => {
    const plan = { ...plainTariff, memberPrice: 62n }
    const world = worldOf({ plan, available: 0n })
    parked(world, 'j')
    world.run('add_member', { organizationId: ORG, userId: 'u1', role: 'member', operation: 'op-1' })
    const fee = world.member(ORG, 'u1').needed ?? 0n
    expect(fee).toBe(44n)
    const funding = topUp(world, 105n, 'more')
    expect(funding).toMatchObject({ details: { activatedMembers: ['u1'], resumedJobs: [], balance: { seatsUsed: 1 } } })
    expect(world.job('j').rejection).toMatchObject({ available: 61n, missing: 44n })
    expect(resumedBy(topUp(world, 44n, 'rest'))).toEqual(['j'])
    expectSound(world)
  })

  it('does not resume twice what an earlier call of its batch resumed, and sees what one parked', () => {
    const world = worldOf({ available: 0n })
    parked(world, 'j')
    addJob(world, 'k')
    const funding = { kind: 'top_up', organizationId: ORG, note: null } as const
    const [, refused, second] = world.batch([
      { ...funding, amount: 105n, reference: 'one' },
      { kind: 'admit', ...admitCall(world, 'k') },
      { ...funding, amount: 105n, reference: 'two' },
    ]) as readonly [unknown, { kind: string }, Funding]
    expect(refused.kind).toBe('refused')
    expect(resumedBy(second)).toEqual(['k'])
    expect(second).toMatchObject({ details: { balance: { parked: 0, held: 200n } } })
    expectSound(world)
  })

  it('fails a parked job whose model lost its price, instead of running it for nothing', () => {
    const world = worldOf({ available: 0n })
    parked(world, 'j')
    const plan = tariff(
      component({ key: 'in', kind: 'llm_tokens', price: 1n, per: 1, llmModel: 'x', tokenClass: 'input' }),
    )
    world.tariffs.set(plan.versionId, plan)
    topUp(world, 1_000n, 'more')
    expect(world.job('j')).toMatchObject({ state: 'failed', failure: { code: 'unpriced-model', stage: 'agent.a' } })
    expect(world.organization(ORG)).toMatchObject({ available: 1_000n, held: 0n })
    expectSound(world)
  })

  it('gives a resumed job a new generation', () => {
    const world = worldOf({ available: 0n })
    parked(world, 'j')
    topUp(world, 105n, 'more')
    expect(world.job('j').generation).toBe(1)
    expect(world.ledger(ORG).map((entry) => entry.businessKey)).toEqual([
      `top_up:${ORG}:more`,
      'hold:j:1',
      'charge:j:input:input:-',
    ])
  })
})

describe('a wake of many', () => {
  const name = (index: number): string => `j${String(index).padStart(3, '0')}`

  function crowd(count: number): World {
    const world = worldOf({ available: 0n })
    for (let index = 0; index < count; index++) parked(world, name(index), {}, { output: index === 130 ? 0 : 40 })
    return world
  }

  it('goes through pages of 100, each behind the last one of the page before', () => {
    const world = crowd(250)
    const first = wake(world)
    expect(first.more).toEqual({ parkedAt: world.job('j099').parkedAt, id: 'j099' })
    const second = wake(world, { after: first.more })
    expect(second.more?.id).toBe('j199')
    expect(wake(world, { after: second.more }).more).toBeNull()
  })

  it('finds the only job that fits on a later page', () => {
    const world = crowd(250)
    world.organization(ORG).overdraftLimit = 65n
    const first = wake(world)
    expect(first.resumed).toEqual([])
    expect(wake(world, { after: first.more }).resumed.map(({ jobId }) => jobId)).toEqual(['j130'])
  })

  it('says that there is more, also where its batch has resumed some of the page before', () => {
    const world = crowd(150)
    const call = { kind: 'wake', organizationId: ORG, jobId: null, scope: 'all', after: null } as const
    const funding = { kind: 'top_up', organizationId: ORG, amount: 1_050n, reference: 'more', note: null } as const
    const [, woken] = world.batch([funding, call]) as readonly [unknown, { more: unknown }]
    expect(woken.more).toEqual({ parkedAt: world.job('j099').parkedAt, id: 'j099' })
    expect(ids(world)).toHaveLength(140)
  })

  it('does not let a young job jump the queue because another call of the batch names it', () => {
    const world = crowd(150)
    world.organization(ORG).overdraftLimit = 65n
    const [, woken] = world.batch([
      { kind: 'claim', organizationId: ORG, jobId: 'j130', stage: 'input', claimId: 'c1', leaseMs: 1 },
      { kind: 'wake', organizationId: ORG, jobId: null, scope: 'all', after: null },
    ]) as readonly [unknown, { resumed: readonly unknown[]; more: { id: string } }]
    expect(woken.resumed).toEqual([])
    expect(woken.more.id).toBe('j099')
  })
})

describe('a call for somebody to wake', () => {
  it('goes out when a hold closes while a job is parked, and when money comes in', () => {
    const world = worldOf({ available: 150n })
    admitted(world, 'j')
    parked(world, 'k')
    settle(world, 'j', 'agent.a', agentUsage('a', 20, 30))
    expect(world.written?.wake, 'no hold closed').toEqual([])
    settle(world, 'j', 'output', { kind: 'output', tokens: 40 })
    expect(world.written?.wake, 'nothing was left, but the hold closed').toEqual([ORG])
    topUp(world, 1n, 'cent')
    expect(world.written?.wake).toEqual([ORG])
  })

  it('goes out when a member waits for a seat', () => {
    const world = worldOf({ available: 105n, plan: { ...plainTariff, memberPrice: 1_000n } })
    admitted(world, 'j')
    world.run('add_member', { organizationId: ORG, userId: 'u1', role: 'member', operation: 'op-1' })
    about(world, 'cancel', 'j')
    expect(world.written?.wake).toEqual([ORG])
  })

  it('stays in where nobody waits', () => {
    const world = worldOf()
    topUp(world, 5n, 'more')
    expect(world.written?.wake).toEqual([])
  })
})
