import { get_encoding } from 'tiktoken'
import { invariant } from '../../src/foundation/invariant.ts'
import { ENCODINGS, type EncodingId } from '../../src/tokenizer/encodings.ts'
import { chineseText, englishProse, sourceCode } from '../../test/support/installed-texts.ts'
import { median } from '../statistics.ts'

/** @param characters of each text at most; installed are about a million of prose and of code, and 150,000 of Chinese */
export const realTexts = (characters: number) => ({
  prose: englishProse().slice(0, characters),
  code: sourceCode().slice(0, characters),
  chinese: chineseText().slice(0, characters),
})

/** Megabytes (10⁶ bytes of UTF-8) per second, each a median. */
export interface Speeds {
  readonly ours: number
  readonly tiktoken: number
}

/** So often the compiler of Node has seen both. */
const WARM_UP_ROUNDS = 3

/**
 * Counts one text by us, then by both exact ways of tiktoken, again and again: a slow moment of the machine slows all of
 * them. Of tiktoken's ways the faster one is taken.
 */
export function measureSpeeds(encoding: EncodingId, text: string, rounds: number): Speeds {
  const reference = get_encoding(encoding)
  const ways = [
    () => ENCODINGS[encoding].count(text),
    () => reference.encode_ordinary(text).length,
    () => reference.encode(text, [], []).length,
  ]
  const milliseconds: number[][] = ways.map(() => [])
  for (let round = 0; round < WARM_UP_ROUNDS + rounds; round += 1) {
    const counts = ways.map((count, way) => {
      const start = performance.now()
      const tokens = count()
      if (round >= WARM_UP_ROUNDS) milliseconds[way]?.push(performance.now() - start)
      return tokens
    })
    invariant(new Set(counts).size === 1, `${encoding} counts ${counts.join(', ')} tokens of one text`)
  }
  reference.free()
  const [ours = 0, ...theirs] = milliseconds.map(median)
  const kilobytes = Buffer.byteLength(text) / 1_000
  return { ours: kilobytes / ours, tiktoken: kilobytes / Math.min(...theirs) }
}
