import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Call } from '../../src/ledger/calls.ts'
import { callOf, type Plan, plans, type Step, walks, worldOfPlan } from './random-calls.ts'
import { limitedPlans, limitedWalks } from './random-limits.ts'
import { siblingPlans, siblingWalks } from './random-siblings.ts'
import type { World } from './world.ts'
import { expectSound } from './world-invariants.ts'

const callsOf = (plan: Plan, steps: readonly Step[]): readonly Call[] =>
  steps.flatMap((step) => callOf(plan, step) ?? [])

/** The rows without the ids that are drawn anew each time. */
function comparable(world: World): unknown {
  // A batch turns the pages of all its organisations before its first call: only within each the order is the same.
  const entries = Map.groupBy(
    [...world.entries.values()].map(({ id: _, ...entry }) => entry),
    ({ organizationId }) => organizationId,
  )
  const { organizations, periods, jobs, stages, holds, counters, members, featureCharges } = world
  return { organizations, periods, jobs, stages, holds, counters, members, featureCharges, entries }
}

/** Answers without the ids that are drawn anew each time. */
function answersOf(verdicts: readonly unknown[]): readonly unknown[] {
  return structuredClone(verdicts).map((verdict) => {
    return typeof verdict === 'object' && verdict !== null ? { ...verdict, entryId: null } : verdict
  })
}

describe.each([
  { calls: 'of every kind', somePlans: plans, someWalks: walks, share: 1 },
  { calls: 'of siblings that want more', somePlans: siblingPlans, someWalks: siblingWalks, share: 2 },
  { calls: 'of members with limits', somePlans: limitedPlans, someWalks: limitedWalks, share: 2 },
])('the fold, under random calls $calls', ({ somePlans, someWalks, share }) => {
  it('never breaks an invariant of the ledger, after no batch of any walk', () => {
    fc.assert(
      fc.property(somePlans, someWalks, (plan, walk) => {
        const world = worldOfPlan(plan)
        expectSound(world)
        for (const { steps, pauseMs } of walk) {
          world.batch(callsOf(plan, steps))
          expectSound(world)
          world.now += pauseMs
        }
      }),
      { numRuns: 1_000, interruptAfterTimeLimit: 8_000 / share },
    )
  })

  it('answers and does the same, whether the calls share a batch or come one by one', () => {
    fc.assert(
      fc.property(somePlans, someWalks, (plan, walk) => {
        const together = worldOfPlan(plan)
        const apart = worldOfPlan(plan)
        // A walk over what may fit leaves what its batch freed to the next walk. Alone in its batch, it finds that.
        for (const world of [together, apart]) world.findsFittingOnly = false
        for (const { steps, pauseMs } of walk) {
          const calls = callsOf(plan, steps)
          const answers = answersOf(together.batch(calls))
          const expected = calls.flatMap((call) => answersOf(apart.batch([call])))
          expect(answers).toEqual(expected)
          expect(comparable(together)).toEqual(comparable(apart))
          together.now += pauseMs
          apart.now += pauseMs
        }
      }),
      { numRuns: 600, interruptAfterTimeLimit: 5_000 / share },
    )
  })

  it('leaves no parked job behind that fits: a walk over what may fit resumes what a walk over all does', () => {
    fc.assert(
      fc.property(somePlans, someWalks, (plan, walk) => {
        const world = worldOfPlan(plan)
        for (const { steps, pauseMs } of walk) {
          world.batch(callsOf(plan, steps))
          const asked = world.written?.wakeAll ?? []
          for (const organizationId of asked)
            world.run('wake', { organizationId, jobId: null, scope: 'all', after: null })
          for (const organizationId of world.organizations.keys()) expectSameWalks(world, organizationId)
          world.now += pauseMs
        }
      }),
      { numRuns: 400, interruptAfterTimeLimit: 5_000 / share },
    )
  })
})

/** Whatever is spendable: as it is, and to the unit what a parked job needed, or was said to need at least. */
function expectSameWalks(world: World, organizationId: string): void {
  const { available, overdraftLimit, periodEnd } = world.organization(organizationId)
  if (world.now >= periodEnd) return
  const noted = world.parked(organizationId).flatMap(({ rejection }) => [rejection?.needed, rejection?.atLeast])
  for (const spendable of new Set([available + overdraftLimit, ...noted])) {
    if (spendable === undefined) continue
    const [resumed, expected] = (['fitting', 'all'] as const).map((scope) => {
      const copy = world.copy()
      copy.organization(organizationId).overdraftLimit = spendable - available
      return copy.run('wake', { organizationId, jobId: null, scope, after: null }).resumed
    })
    expect(resumed).toEqual(expected)
  }
}
