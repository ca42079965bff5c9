import { createCountingPool } from '../../src/monitors/counting-pool.ts'
import { InputTokenMonitor } from '../../src/monitors/input-token.monitor.ts'
import { ENCODINGS } from '../../src/tokenizer/encodings.ts'
import { o200kBase } from '../../src/tokenizer/o200k-base.ts'
import type { Tokenizer } from '../../src/tokenizer/tokenizer.ts'
import { seededRandom } from '../../test/support/seeded-random.ts'
import { median, secondsOf } from '../statistics.ts'

export const MEGABYTE = 2 ** 20

/** Bytes without a pattern, the same in each run. */
function noise(bytes: number): Buffer {
  const random = seededRandom(1)
  return Buffer.from(Array.from({ length: bytes }, () => random.below(256)))
}

type TextOf = (bytes: number) => string

/** Texts without a break, on which other counters need seconds or minutes; each of so many bytes of UTF-8. */
export const WORST_TEXTS = {
  'one letter': (bytes) => 'a'.repeat(bytes),
  spaces: (bytes) => ' '.repeat(bytes),
  'one Chinese character': (bytes) => '中'.repeat(bytes / 3),
  base64: (bytes) => noise((bytes / 4) * 3).toString('base64'),
} as const satisfies Record<string, TextOf>

/** Outside the goal, which names the texts above: small letters without a pattern are more work than any of them. */
const randomLetters: TextOf = (bytes) => Buffer.from(noise(bytes).map((byte) => 97 + (byte % 26))).toString('latin1')

interface WorstCase {
  /** Which text, by which encoding. */
  readonly what: string
  /** Of 1 MB, and of 2 MB: medians. */
  readonly seconds: number
  readonly secondsOfTwice: number
  /** How many times as long the double takes: the median of ratios within one round, which a slow moment slows alike. */
  readonly growth: number
}

/** One result for each text and encoding. */
export function measureWorstCases(rounds: number): readonly WorstCase[] {
  return Object.entries(WORST_TEXTS).flatMap(([name, textOf]) => {
    const [once, twice] = [textOf(MEGABYTE), textOf(2 * MEGABYTE)]
    return Object.values(ENCODINGS).map((tokenizer): WorstCase => {
      const seconds: number[] = []
      const secondsOfTwice: number[] = []
      tokenizer.count(once)
      for (let round = 0; round < rounds; round += 1) {
        seconds.push(secondsToCount(tokenizer, once))
        secondsOfTwice.push(secondsToCount(tokenizer, twice))
      }
      const growth = median(secondsOfTwice.map((twiceAsMuch, round) => twiceAsMuch / (seconds[round] as number)))
      const [one, two] = [median(seconds), median(secondsOfTwice)]
      return { what: `${name}, ${tokenizer.id}`, seconds: one, secondsOfTwice: two, growth }
    })
  })
}

/** @returns seconds for 1 MB of random letters, by the canonical encoding: a median */
export function measureRandomLetters(rounds: number): number {
  const text = randomLetters(MEGABYTE)
  return median(Array.from({ length: rounds }, () => secondsToCount(o200kBase, text)))
}

function secondsToCount(tokenizer: Tokenizer, text: string): number {
  const start = performance.now()
  tokenizer.count(text)
  return (performance.now() - start) / 1_000
}

/** What nobody has warmed up: a thread is started, reads the vocabulary, and counts 1 MB of one letter. @returns seconds */
export async function measureFirstCount(): Promise<number> {
  const pool = createCountingPool(1)
  try {
    const monitor = new InputTokenMonitor(o200kBase, pool)
    return await secondsOf(() => monitor.measure(WORST_TEXTS['one letter'](MEGABYTE)))
  } finally {
    await pool.close()
  }
}
