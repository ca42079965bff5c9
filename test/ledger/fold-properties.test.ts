import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Call } from '../../src/ledger/calls.ts'
import { callOf, type Plan, plans, type Step, walks, worldOfPlan } from './random-calls.ts'
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

describe('the fold, under random calls', () => {
  it('never breaks an invariant of the ledger, after no batch of any walk', () => {
    fc.assert(
      fc.property(plans, walks, (plan, walk) => {
        const world = worldOfPlan(plan)
        expectSound(world)
        for (const { steps, pauseMs } of walk) {
          world.batch(callsOf(plan, steps))
          expectSound(world)
          world.now += pauseMs
        }
      }),
      { numRuns: 1_000, interruptAfterTimeLimit: 8_000 },
    )
  })

  it('answers and does the same, whether the calls share a batch or come one by one', () => {
    fc.assert(
      fc.property(plans, walks, (plan, walk) => {
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
      { numRuns: 600, interruptAfterTimeLimit: 5_000 },
    )
  })
})
