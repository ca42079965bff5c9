/** A source of chance that its seed repeats. */
export interface SeededRandom {
  /** An integer from 0 to `below` − 1. */
  below(below: number): number
  /** True in `percent` of a hundred cases. */
  chance(percent: number): boolean
  pick<T>(items: readonly T[]): T
}

/** Mulberry32: 32 bits of state are enough for a schedule. */
export function seededRandom(seed: number): SeededRandom {
  let state = seed | 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number): number => Math.floor(next() * limit)
  return {
    below,
    chance: (percent) => below(100) < percent,
    pick: <T>(items: readonly T[]): T => {
      const item = items[below(items.length)]
      if (item === undefined) throw new Error('there is nothing to pick from')
      return item
    },
  }
}

/** The seeds of a run: so many that nobody has chosen; `SEED` alone, or as many as `RUNS` says from there on. */
export function seedsOfRun(count: number): readonly number[] {
  const { SEED = '', RUNS = '1' } = process.env
  const first = SEED === '' ? Math.floor(Math.random() * 2 ** 31) : Number(SEED)
  return Array.from({ length: SEED === '' ? count : Number(RUNS) }, (_, index) => (first + index) | 0)
}

/** Runs something with each seed; what fails says which seed repeats it. */
export async function withSeeds(seeds: readonly number[], run: (seed: number) => Promise<void>): Promise<void> {
  for (const seed of seeds) {
    try {
      await run(seed)
    } catch (error) {
      throw new Error(`SEED=${seed} repeats this: ${error instanceof Error ? error.message : error}`, { cause: error })
    }
  }
}
