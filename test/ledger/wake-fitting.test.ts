import { describe, expect, it } from 'vitest'
import type { Calls, Verdicts } from '../../src/ledger/calls.ts'
import { component, tariff } from '../pricing/tariff-fixtures.ts'
import type { World } from './world.ts'
import {
  about,
  admitted,
  agentUsage,
  DAY_MS,
  ORG,
  parked,
  plainTariff,
  settle,
  wake,
  worldOf,
} from './world-fixtures.ts'
import { expectSound } from './world-invariants.ts'

const fitting = (world: World, fields: Partial<Calls['wake']> = {}) => wake(world, { scope: 'fitting', ...fields })
const resumedBy = ({ resumed }: Verdicts['wake']): readonly string[] => resumed.map(({ jobId }) => jobId)

/** Output costs one nano-unit a token after the first hundred of a period; nothing else costs anything. */
const hundredFree = tariff(component({ key: 'out', kind: 'output_tokens', price: 1n, per: 1, included: 100 }))
const output = (tokens: number) => ({ kind: 'output', tokens }) as const

/** Settles all of a job of one agent, which then rests. */
function finish(world: World, job: string, tokens: number): void {
  settle(world, job, 'agent.a', agentUsage('a', 0, 0))
  settle(world, job, 'output', output(tokens))
}

describe('a walk over what may fit', () => {
  it('resumes what fits, oldest first, and leaves what cannot fit as it is', () => {
    const world = worldOf({ available: 0n })
    parked(world, 'first')
    parked(world, 'large', {}, { output: 400 })
    parked(world, 'third')
    parked(world, 'fourth')
    const large = structuredClone(world.job('large'))
    world.organization(ORG).overdraftLimit = 250n
    expect(fitting(world)).toMatchObject({ members: [], hopeless: [], more: null })
    expect(world.parked(ORG).map(({ id }) => id)).toEqual(['large', 'fourth'])
    expect(world.job('large'), 'its figures are those of its refusal').toEqual(large)
    wake(world)
    expect(world.job('large').rejection).toMatchObject({ reason: 'insufficient', available: -210n })
    expectSound(world)
  })

  it('seats pending members first', () => {
    const world = worldOf({ available: 0n, plan: { ...plainTariff, memberPrice: 62n } })
    parked(world, 'j')
    world.run('add_member', { organizationId: ORG, userId: 'u1', role: 'member', operation: 'op-1' })
    world.organization(ORG).overdraftLimit = 105n
    expect(fitting(world)).toMatchObject({ members: ['u1'], resumed: [] })
    expect(world.job('j').state).toBe('rejected_for_balance')
    expectSound(world)
  })

  it('ends where the money does: the next page finds nobody', () => {
    const world = worldOf({ available: 0n })
    for (let index = 0; index < 250; index += 1) parked(world, `j${String(index).padStart(3, '0')}`)
    world.organization(ORG).overdraftLimit = 210n
    const first = fitting(world)
    expect(resumedBy(first)).toEqual(['j000', 'j001'])
    expect(first.more?.id).toBe('j099')
    expect(world.written?.jobs, 'who cannot fit any more is not priced').toHaveLength(2)
    expect(fitting(world, { after: first.more })).toEqual({ resumed: [], members: [], hopeless: [], more: null })
    expect(world.written?.jobs).toEqual([])
  })

  it('goes on to the next page while there may be somebody', () => {
    const world = worldOf({ available: 0n })
    for (let index = 0; index < 150; index += 1) parked(world, `j${String(index).padStart(3, '0')}`)
    world.organization(ORG).overdraftLimit = 150n * 105n
    const first = fitting(world)
    expect([first.resumed.length, first.more?.id]).toEqual([100, 'j099'])
    expect(resumedBy(fitting(world, { after: first.more }))).toHaveLength(50)
  })

  it('looks at nobody while the organisation may not spend', () => {
    const world = worldOf({ available: 0n })
    parked(world, 'j')
    Object.assign(world.organization(ORG), { status: 'frozen', overdraftLimit: 1_000n })
    expect(fitting(world)).toEqual({ resumed: [], members: [], hopeless: [], more: null })
    expect(world.written?.jobs).toEqual([])
    expect(world.job('j').rejection?.reason).toBe('insufficient')
  })

  it('looks at whom nothing was noted about', () => {
    const world = worldOf({ available: 0n })
    parked(world, 'j')
    const { atLeast: _, ...older } = world.job('j').rejection ?? { reason: 'frozen', stage: '' }
    Object.assign(world.job('j'), { rejection: older })
    fitting(world)
    expect(world.job('j').rejection?.atLeast).toBe(105n)
  })

  it('leaves what its own batch freed to the walk that is asked for: an older job may want it', () => {
    const world = worldOf({ available: 160n })
    admitted(world, 'runs')
    parked(world, 'old')
    parked(world, 'young', {}, { output: 0 })
    expect(world.organization(ORG).available).toBe(55n)
    world.organization(ORG).overdraftLimit = 10n
    const [, woken] = world.batch([
      { kind: 'cancel', organizationId: ORG, jobId: 'runs' },
      { kind: 'wake', organizationId: ORG, jobId: null, scope: 'fitting', after: null },
    ]) as readonly [unknown, Verdicts['wake']]
    expect(resumedBy(woken), 'for it there was money before').toEqual(['young'])
    expect(world.written?.wake).toEqual([ORG])
    world.organization(ORG).overdraftLimit = 60n
    expect(resumedBy(fitting(world))).toEqual(['old'])
    expectSound(world)
  })

  it('does not give to a young job what its batch freed and an older one needs', () => {
    const world = worldOf({ available: 155n })
    admitted(world, 'runs')
    parked(world, 'old')
    parked(world, 'young', {}, { output: 0 })
    const [, , woken] = world.batch([
      { kind: 'cancel', organizationId: ORG, jobId: 'runs' },
      // So that the batch has read this job.
      { kind: 'claim', organizationId: ORG, jobId: 'young', stage: 'input', claimId: 'c1', leaseMs: 1 },
      { kind: 'wake', organizationId: ORG, jobId: null, scope: 'fitting', after: null },
    ]) as readonly [unknown, unknown, Verdicts['wake']]
    expect(resumedBy(woken)).toEqual([])
    expect(world.written?.wake).toEqual([ORG])
    expect(resumedBy(fitting(world))).toEqual(['old'])
    expectSound(world)
  })
})

describe('what a parked job will cost at least', () => {
  it('does not count on units that are promised to others: they may be given back', () => {
    const world = worldOf({ available: 50n, plan: hundredFree })
    admitted(world, 'runs', {}, { output: 100 })
    parked(world, 'j', {}, { output: 120 })
    expect(world.job('j').rejection).toMatchObject({ needed: 120n, atLeast: 20n })
    about(world, 'cancel', 'runs')
    expect([world.written?.wake, world.written?.wakeAll], 'the ordinary walk will do').toEqual([[ORG], []])
    expect(resumedBy(fitting(world))).toEqual(['j'])
    expectSound(world)
  })

  it('rises as they are used', () => {
    const world = worldOf({ available: 10n, plan: hundredFree })
    admitted(world, 'runs', {}, { output: 100 })
    parked(world, 'j', {}, { output: 120 })
    finish(world, 'runs', 100)
    expect(resumedBy(fitting(world))).toEqual([])
    expect(world.job('j').rejection).toMatchObject({ needed: 120n, atLeast: 20n })
    wake(world)
    expect(world.job('j').rejection).toMatchObject({ needed: 120n, missing: 110n, atLeast: 120n })
  })

  it('may be undercut by units that were used and are given back: then all are looked at', () => {
    const plan = tariff(
      component({
        key: 'in',
        kind: 'llm_tokens',
        price: 1n,
        per: 1,
        included: 100,
        llmModel: '*',
        tokenClass: 'input',
      }),
      component({ key: 'out', kind: 'llm_tokens', llmModel: '*', tokenClass: 'output' }),
    )
    const world = worldOf({ available: 50n, plan })
    admitted(world, 'fails', {}, { prompt: 100 })
    settle(world, 'fails', 'agent.a', agentUsage('a', 100, 0))
    parked(world, 'j', {}, { prompt: 120 })
    expect(world.job('j').rejection).toMatchObject({ needed: 120n, atLeast: 120n })
    const failure = { code: 'agent-error', stage: 'output', detail: 'it broke' } as const
    world.run('fail', { organizationId: ORG, jobId: 'fails', stage: 'output', claimId: null, failure })
    expect([world.written?.wake, world.written?.wakeAll]).toEqual([[ORG], [ORG]])
    expect(resumedBy(fitting(world)), 'by what was noted').toEqual([])
    expect(resumedBy(wake(world))).toEqual(['j'])
    expectSound(world)
  })

  it('may be undercut by a new period, whose units are all unused: then all are looked at', () => {
    const world = worldOf({ available: 50n, plan: hundredFree })
    admitted(world, 'runs', {}, { output: 100 })
    finish(world, 'runs', 100)
    parked(world, 'j', {}, { output: 120 })
    expect(world.job('j').rejection).toMatchObject({ needed: 120n, atLeast: 120n })
    world.now += 31 * DAY_MS
    expect(resumedBy(fitting(world)), 'by what was noted').toEqual([])
    expect([world.written?.wake, world.written?.wakeAll]).toEqual([[ORG], [ORG]])
    expect(resumedBy(wake(world))).toEqual(['j'])
    expectSound(world)
  })

  it('is not known of a job whose cost limit may yet shrink it', () => {
    const world = worldOf({ available: 0n, plan: hundredFree })
    parked(world, 'limited', { maxCost: 179n }, { output: 180 })
    expect(world.job('limited').rejection).toMatchObject({ needed: 80n, atLeast: 0n })
    parked(world, 'unlimited', { maxCost: 180n }, { output: 180 })
    expect(world.job('unlimited').rejection).toMatchObject({ needed: 80n, atLeast: 80n })
  })
})
