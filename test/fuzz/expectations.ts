import { expect } from 'vitest'
import type { FuzzReport } from './fuzz.ts'
import type { FuzzWorld } from './fuzz-world.ts'

/** May grow by so much: caches have bounds, and a young heap is small. */
const GROWTH_BYTES = 64 * 1024 * 1024

/**
 * What must hold of any run, however long.
 * @param rare operations that a run of this length may miss
 */
export async function expectHarmless(
  world: FuzzWorld,
  report: FuzzReport,
  rare: readonly string[] = [],
): Promise<void> {
  expect(report.faults).toEqual([])
  expect(report.fuzz_5xx).toBe(0)
  expect(report.windowsRefused, 'windows in which everything was refused').toBeGreaterThan(0)
  const missed = report.neverSucceeded.filter((operation) => !rare.includes(operation))
  expect(missed, 'operations that no request succeeded in').toEqual([])
  const [early, late] = report.heap
  expect(late - early, `the heap grew from ${early} to ${late}`).toBeLessThan(GROWTH_BYTES)
  const verified = await world.door.tollkeeper.verifier.verify({})
  expect([verified.ok, verified.violations]).toEqual([true, []])
}
