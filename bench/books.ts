import type { World } from './world.ts'

/** How the books stand at the end of a run, and how fast that could be told. */
export interface BooksCheck {
  /** In sentences; none is the good answer. */
  readonly violations: readonly string[]
  readonly entries: number
  readonly seconds: number
}

/** Verifies every organisation by the product's own proof of the books. */
export async function checkBooks({ tollkeeper }: World): Promise<BooksCheck> {
  const started = performance.now()
  const { entries, violations } = await tollkeeper.verifier.verify()
  return {
    violations: violations.map((each) => `invariant ${each.invariant} of ${each.organizationId}: ${each.detail}`),
    entries,
    seconds: (performance.now() - started) / 1_000,
  }
}

/** @returns ledger rows per second of verifying one organisation */
export async function verifyRate({ tollkeeper }: World, organizationId: string): Promise<number> {
  const started = performance.now()
  const { entries } = await tollkeeper.verifier.verify({ organizationId })
  return (entries / (performance.now() - started)) * 1_000
}

export async function violationsOf(world: World): Promise<readonly string[]> {
  return (await checkBooks(world)).violations
}
