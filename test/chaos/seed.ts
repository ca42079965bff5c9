import { createHash } from 'node:crypto'

/** What a run's faults are drawn from. `SEED=…` repeats a run; each case draws from the seed and its own name. */
export const SEED: string = process.env.SEED || String(Math.floor(Math.random() * 1_000_000_000))

/** A source of chance that gives the same draws for the same seed and name. */
export interface Draws {
  /** A whole number from `min` to `max`, both possible. */
  between(min: number, max: number): number
  pick<T>(choices: readonly T[]): T
}

/** The generator is mulberry32: small, and good enough to choose faults with. */
export function drawsOf(name: string): Draws {
  let state = createHash('sha256').update(`${SEED} ${name}`).digest().readUInt32LE()
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let bits = Math.imul(state ^ (state >>> 15), 1 | state)
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }
  const between = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1))
  return { between, pick: (choices) => choices[between(0, choices.length - 1)] as (typeof choices)[number] }
}
