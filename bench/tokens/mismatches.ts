import { get_encoding } from 'tiktoken'
import { ENCODINGS, type EncodingId } from '../../src/tokenizer/encodings.ts'
import { type SeededRandom, seededRandom } from '../../test/support/seeded-random.ts'
import { BEYOND, DELICATE, TRICKY } from '../../test/support/tricky-texts.ts'

const PARTS_MAX = 30
const REPEATS_MAX = 150
const PARTS = [...TRICKY, ...TRICKY, ...BEYOND, ...DELICATE]

export interface Mismatches {
  /** Texts, each compared in every encoding. */
  readonly texts: number
  readonly found: number
  /** The first one, as JSON; for whoever looks into it. */
  readonly example: string | undefined
}

/** Compares our counts with tiktoken's on texts that the seed repeats. */
export function countMismatches(seed: number, texts: number): Mismatches {
  const random = seededRandom(seed)
  const references = (Object.keys(ENCODINGS) as EncodingId[]).map((id) => ({ id, reference: get_encoding(id) }))
  let found = 0
  let example: string | undefined
  for (let index = 0; index < texts; index += 1) {
    const text = delicateText(random)
    const wrong = references.filter(
      ({ id, reference }) => ENCODINGS[id].count(text) !== reference.encode_ordinary(text).length,
    )
    found += wrong.length
    if (wrong[0] !== undefined) example ??= `${wrong[0].id}: ${JSON.stringify(text)}`
  }
  for (const { reference } of references) reference.free()
  return { texts, found, example }
}

/** Parts that other counters get wrong, characters from anywhere in Unicode, and now and then a long run of one. */
function delicateText(random: SeededRandom): string {
  let text = ''
  for (let left = random.below(PARTS_MAX + 1); left > 0; left -= 1) {
    const part = random.chance(15) ? String.fromCodePoint(random.below(0x110000)) : random.pick(PARTS)
    text += random.chance(6) ? part.repeat(1 + random.below(REPEATS_MAX)) : part
  }
  return text
}
