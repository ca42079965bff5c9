import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Call } from '../../src/ledger/calls.ts'
import { callOf, type Plan, plans, type Step, walks, worldOfPlan } from './random-calls.ts'
import { siblingPlans, siblingWalks } from './random-siblings.ts'
import type { World } from './world.ts'
import { expectSound } from './world-invariants.ts'

const callsOf = (plan: Plan, steps: readonly Step[]): readonly Call[] =>
  steps.flatMap((step) => callOf(plan, step) ?? [])

/** The rows without the ids that are drawn anew each time. */
function comparable(world: World): unknown {
  const entries = [...world.entries.values()].map(({ id: _, ...entry }) => entry)
  const { organizations, jobs, stages, holds, counters, members } = world
  return { organizations, jobs, stages, holds, counters, members, entries }
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
})
