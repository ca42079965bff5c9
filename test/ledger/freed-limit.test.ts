import { describe, expect, it } from 'vitest'
import type { Verdicts } from '../../src/ledger/calls.ts'
import { A, ANN, addMember, change, committed, finish, fitting, HOLD, limited, resumedBy } from './limited-world.ts'
import {
  about,
  addJob,
  admit,
  admitted,
  agentUsage,
  claim,
  extend,
  LEASE_MS,
  ORG,
  parked,
  settle,
  topUp,
  wake,
} from './world-fixtures.ts'
import { expectSound } from './world-invariants.ts'

describe('what frees a limit', () => {
  it('a job of the member’s that ends: it wakes, and the oldest that fits goes on', () => {
    const world = limited(HOLD)
    admitted(world, 'runs', ANN)
    for (const job of ['old', 'young']) parked(world, job, ANN)
    finish(world, 'runs', 0)
    expect(world.written?.wake, 'without waiting for the sweep').toEqual([ORG])
    expect(committed(world)).toBe(15n)
    expect(fitting(world), 'not enough for another').toEqual([])
    change(world, { spendingLimit: 15n + HOLD })
    expect(fitting(world)).toEqual(['old'])
    expect(world.job('young').rejection).toMatchObject({ reason: 'member_limit' })
    about(world, 'cancel', 'old')
    change(world, { spendingLimit: null })
    expect(fitting(world)).toEqual(['young'])
    expectSound(world)
  })

  it('not a top-up: that goes to others', () => {
    const world = limited(0n, { available: 0n })
    parked(world, 'of ann', ANN)
    parked(world, 'of nobody')
    expect(topUp(world, 5n * HOLD, 'more')).toMatchObject({ details: { resumedJobs: ['of nobody'] } })
    expect(world.job('of ann').rejection).toMatchObject({ reason: 'member_limit', available: 0n, missing: HOLD })
    expectSound(world)
  })

  it('a new period, which begins at nothing', () => {
    const world = limited(HOLD)
    admitted(world, 'former', ANN)
    parked(world, 'waits', ANN)
    world.now = world.organization(ORG).periodEnd
    expect(resumedBy(wake(world))).toEqual(['waits'])
    expect(committed(world)).toBe(HOLD)
    expectSound(world)
    finish(world, 'former', 30)
    expect(committed(world), 'a job of the former period is none of this one').toBe(HOLD)
    expectSound(world)
    addJob(world, 'more', ANN)
    expect(admit(world, 'more')).toMatchObject({ kind: 'refused', rejection: { reason: 'member_limit' } })
  })

  it('a new period, also for a job that was parked at a stage: it still belongs to the former one', () => {
    const world = limited(HOLD)
    admitted(world, 'j', ANN)
    claim(world, 'j', A, 'c1')
    extend(world, 'j', A, 'c1', 2)
    expect(world.job('j').rejection?.reason).toBe('member_limit')
    world.now = world.organization(ORG).periodEnd
    world.run('keep', { organizationId: ORG, jobId: 'j', stage: A, claimId: 'c1', leaseMs: LEASE_MS })
    expect(world.written?.wakeAll).toEqual([ORG])
    expect(fitting(world)).toEqual(['j'])
    claim(world, 'j', A, 'c2')
    expect(extend(world, 'j', A, 'c2', 3), 'nor does this one’s limit stop it').toMatchObject({ kind: 'granted' })
    admitted(world, 'present', ANN)
    expect(committed(world)).toBe(HOLD)
    expectSound(world)
  })

  it('no removal: who is added again in the same period has spent what they spent', () => {
    const world = limited(HOLD)
    admitted(world, 'first', ANN)
    world.run('remove_member', { organizationId: ORG, userId: 'ann' })
    settle(world, 'first', A, agentUsage('a', 20, 30))
    expect(addMember(world, 'ann', HOLD)).toMatchObject({ kind: 'added', member: { committed: HOLD } })
    settle(world, 'first', 'output', { kind: 'output', tokens: 40 })
    addJob(world, 'second', ANN)
    expect(admit(world, 'second')).toMatchObject({ rejection: { reason: 'member_limit', missing: HOLD } })
    expectSound(world)
    world.run('remove_member', { organizationId: ORG, userId: 'ann' })
    world.now = world.organization(ORG).periodEnd
    expect(addMember(world, 'ann', HOLD)).toMatchObject({ member: { committed: 0n } })
  })

  it('the end of a removed member’s job is counted all the same', () => {
    const world = limited(HOLD)
    admitted(world, 'first', ANN)
    world.run('remove_member', { organizationId: ORG, userId: 'ann' })
    finish(world, 'first', 0)
    expect(committed(world)).toBe(15n)
    expectSound(world)
  })
})

describe('a walk past jobs above their member’s limit', () => {
  it('neither prices nor reads them, and finds who is behind them', () => {
    const world = limited(0n, { available: 0n })
    for (let index = 0; index < 150; index += 1) parked(world, `ann ${index}`, ANN)
    parked(world, 'of nobody')
    world.organization(ORG).overdraftLimit = 2n * HOLD
    const woken = wake(world, { scope: 'fitting' })
    expect(resumedBy(woken)).toEqual(['of nobody'])
    expect(woken.more).toBeNull()
    expect(world.written?.jobs).toHaveLength(1)
    expectSound(world)
  })

  it('leaves what its own batch freed of a limit to the walk that is asked for: an older job may want it', () => {
    const world = limited(HOLD + 70n, { available: HOLD })
    admitted(world, 'runs', ANN)
    parked(world, 'old', ANN)
    for (const job of ['young', 'younger']) parked(world, job, ANN, { output: 0 })
    world.organization(ORG).overdraftLimit = 10n * HOLD
    const [, woken] = world.batch([
      { kind: 'cancel', organizationId: ORG, jobId: 'runs' },
      { kind: 'wake', organizationId: ORG, jobId: null, scope: 'fitting', after: null },
    ]) as readonly [unknown, Verdicts['wake']]
    expect(resumedBy(woken), 'for it there was room before').toEqual(['young'])
    expect(world.written?.wake).toEqual([ORG])
    expect(fitting(world)).toEqual(['old'])
    expectSound(world)
  })
})
