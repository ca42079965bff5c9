import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Call, Verdicts } from '../../src/ledger/calls.ts'
import type { MemberRow } from '../../src/ledger/facts.ts'
import { A, ANN, addMember, change, committed, finish, fitting, HOLD, limited } from './limited-world.ts'
import { callOf, worldOfPlan } from './random-calls.ts'
import { limitedPlans, limitedWalks } from './random-limits.ts'
import {
  about,
  addJob,
  admit,
  admitCall,
  admitted,
  agentUsage,
  claim,
  extend,
  ORG,
  parked,
  plainTariff,
  settle,
  wake,
} from './world-fixtures.ts'
import { expectSound } from './world-invariants.ts'

describe('a spending limit', () => {
  it('is reached to the last nano-unit and never passed, while the organisation has money for others', () => {
    const world = limited(2n * HOLD)
    for (const job of ['first', 'second']) admitted(world, job, ANN)
    expect(committed(world)).toBe(2n * HOLD)
    addJob(world, 'third', ANN)
    const [balance, before] = [structuredClone(world.organization(ORG)), world.ledger(ORG).length]
    expect(admit(world, 'third')).toMatchObject({
      kind: 'refused',
      rejection: { reason: 'member_limit', stage: 'input', needed: HOLD, available: 0n, missing: HOLD, atLeast: HOLD },
    })
    expect([world.organization(ORG), world.ledger(ORG).length]).toEqual([balance, before])
    expect(world.job('third')).toMatchObject({ state: 'rejected_for_balance', generation: 0, charged: 0n })
    admitted(world, 'of nobody')
    addMember(world, 'bob', null)
    admitted(world, 'of bob', { userId: 'bob' })
    expect([committed(world), committed(world, 'bob')]).toEqual([2n * HOLD, HOLD])
    expectSound(world)
  })

  it('that is a nano-unit too low says by how much', () => {
    const world = limited(2n * HOLD - 1n)
    admitted(world, 'first', ANN)
    addJob(world, 'second', ANN)
    expect(admit(world, 'second')).toMatchObject({
      rejection: { reason: 'member_limit', needed: HOLD, available: HOLD - 1n, missing: 1n },
    })
    expectSound(world)
  })

  it('counts what was charged as what was held, and no more what is given back', () => {
    const world = limited(200n)
    admitted(world, 'first', ANN)
    settle(world, 'first', A, agentUsage('a', 20, 30))
    expect(committed(world), 'a settlement moves what is held').toBe(HOLD)
    settle(world, 'first', 'output', { kind: 'output', tokens: 10 })
    expect(committed(world)).toBe(75n)
    expectSound(world)
    admitted(world, 'second', ANN)
    about(world, 'cancel', 'second')
    expect(committed(world), 'its input stays charged').toBe(80n)
    expectSound(world)
  })

  it('counts no more what is reversed, whether or not its job still holds money', () => {
    const world = limited(1_000n)
    for (const job of ['runs', 'parked']) {
      admitted(world, job, ANN)
      claim(world, job, A, 'c1')
    }
    extend(world, 'parked', A, 'c1', 40)
    expect(world.job('parked').rejection?.reason).toBe('member_limit')
    expect(committed(world)).toBe(HOLD + 5n)
    const unpriced = { ...plainTariff, components: plainTariff.components.slice(0, 2) }
    world.tariffs.set(unpriced.versionId, unpriced)
    wake(world, { jobId: 'parked' })
    expect(world.job('parked')).toMatchObject({ state: 'failed', reversed: 5n })
    expect(committed(world), 'straight to what is available').toBe(HOLD)
    const failure = { code: 'agent-error', stage: A, detail: 'it broke' } as const
    world.run('fail', { organizationId: ORG, jobId: 'runs', stage: A, claimId: 'c1', failure })
    expect(world.job('runs')).toMatchObject({ state: 'failed', reversed: 5n })
    expect(committed(world)).toBe(0n)
    expectSound(world)
  })

  it('is told before a lack of money, and after a stop of all spending', () => {
    const poor = limited(HOLD - 1n, { available: 0n })
    parked(poor, 'j', ANN)
    expect(poor.job('j').rejection).toMatchObject({ reason: 'member_limit', available: HOLD - 1n, missing: 1n })
    change(poor, { spendingLimit: HOLD })
    wake(poor)
    expect(poor.job('j').rejection).toMatchObject({ reason: 'insufficient', available: 0n, missing: HOLD })
    const frozen = limited(0n)
    frozen.organization(ORG).status = 'frozen'
    parked(frozen, 'j', ANN)
    expect(frozen.job('j').rejection?.reason).toBe('frozen')
  })

  it('refuses a platform’s own job, which asks again', () => {
    const world = limited(HOLD)
    admitted(world, 'first', { ...ANN, runner: 'own' })
    addJob(world, 'second', { ...ANN, runner: 'own' })
    expect(admit(world, 'second')).toMatchObject({ kind: 'refused', rejection: { reason: 'member_limit' } })
    expect(world.job('second').state).toBe('queued')
    world.run('reverse', {
      organizationId: ORG,
      jobId: 'first',
      failure: { code: 'agent-error', stage: A, detail: 'it broke' },
    })
    expect(admit(world, 'second')).toMatchObject({ kind: 'admitted', held: HOLD })
    expectSound(world)
  })

  it('decides call by call what comes in one batch', () => {
    const world = limited(3n * HOLD)
    const jobs = Array.from({ length: 8 }, (_, index) => addJob(world, `j${index}`, ANN))
    const verdicts = world.batch(jobs.map((job): Call => ({ kind: 'admit', ...admitCall(world, job) })))
    expect(verdicts.map((verdict) => (verdict as Verdicts['admit']).kind)).toEqual(
      jobs.map((_, index) => (index < 3 ? 'admitted' : 'refused')),
    )
    expect(world.written?.members).toHaveLength(1)
    expect(committed(world)).toBe(3n * HOLD)
    expectSound(world)
  })
})

describe('a further model call', () => {
  it('counts against the limit before it is made', () => {
    const world = limited(HOLD + 50n)
    admitted(world, 'j', ANN)
    claim(world, 'j', A, 'c1')
    expect(extend(world, 'j', A, 'c1', 2)).toMatchObject({ kind: 'granted', extended: 50n })
    expect(committed(world)).toBe(HOLD + 50n)
    expectSound(world)
  })

  it('above the limit parks its job, which goes on once the limit allows it, without paying twice', () => {
    const world = limited(HOLD + 49n)
    admitted(world, 'j', ANN)
    claim(world, 'j', A, 'c1')
    const refused = extend(world, 'j', A, 'c1', 2)
    expect(refused).toMatchObject({
      kind: 'refused',
      rejection: { reason: 'member_limit', stage: A, needed: 150n, available: 149n, missing: 1n },
      parked: { stage: A },
    })
    expect(extend(world, 'j', A, 'c1', 2), 'asked again').toEqual(refused)
    expect(committed(world), 'only its input').toBe(5n)
    expect(fitting(world)).toEqual([])
    change(world, { spendingLimit: HOLD + 50n })
    expect(world.written?.wake).toEqual([ORG])
    expect(fitting(world)).toEqual(['j'])
    expect(committed(world)).toBe(HOLD + 50n)
    expectSound(world)
    finish(world, 'j', 10)
    expect(world.job('j')).toMatchObject({ state: 'charged', charged: 35n })
    expect(committed(world)).toBe(35n)
    expectSound(world)
  })

  it('that is refused shows what is left of the limit, also where the rest of the hold is enough in the end', () => {
    const world = limited(260n)
    admitted(world, 'j', { ...ANN, steps: [['a', 'b']] })
    for (const [stage, id] of [
      [A, 'c1'],
      ['agent.b', 'c2'],
    ] as const)
      claim(world, 'j', stage, id)
    expect(extend(world, 'j', A, 'c1', 4)).toMatchObject({ kind: 'refused', parked: null })
    settle(world, 'j', 'agent.b', agentUsage('b', 0, 0))
    expect(world.job('j')).toMatchObject({
      state: 'rejected_for_balance',
      rejection: { reason: 'member_limit', needed: 250n, available: 245n, missing: 5n },
    })
    expectSound(world)
  })
})

describe('whatever is asked, of members with limits', () => {
  it('nobody is committed to more than the limit that stands, but for what a lower one found', () => {
    let [limited, parkedByLimit] = [0, 0]
    fc.assert(
      fc.property(limitedPlans, limitedWalks, (plan, walk) => {
        const world = worldOfPlan(plan)
        for (const { steps, pauseMs } of walk) {
          for (const call of steps.flatMap((step) => callOf(plan, step) ?? [])) {
            const before = structuredClone(world.members)
            world.batch([call])
            for (const [key, member] of world.members) {
              if (!hasGrown(member, before.get(key)) || member.spendingLimit === null) continue
              limited += 1
              expect(member.committed).toBeLessThanOrEqual(member.spendingLimit)
            }
          }
          world.now += pauseMs
        }
        parkedByLimit += [...world.jobs.values()].filter(({ rejection }) => rejection?.reason === 'member_limit').length
      }),
      { numRuns: 300, interruptAfterTimeLimit: 5_000 },
    )
    expect([limited > 50, parkedByLimit > 50], `${limited} grew, ${parkedByLimit} were parked`).toEqual([true, true])
  })
})

/** A new period begins at nothing: there any figure is more. */
function hasGrown(member: MemberRow, before: MemberRow | undefined): boolean {
  const former = before?.committedPeriod === member.committedPeriod ? before.committed : 0n
  return member.committed > former
}
