import { countMerged } from './byte-pair-merge.ts'
import { END } from './character-kinds.ts'
import { readVocabulary } from './read-vocabulary.ts'
import type { Tokenizer } from './tokenizer.ts'
import { NO_RANK, type Vocabulary } from './vocabulary.ts'

/** What one byte-pair encoding does not share with another. */
interface Encoding {
  readonly id: string
  readonly version: string
  /** How many tokens its vocabulary has. */
  readonly tokens: number
  /** Its cut: where the piece that begins at a place ends. */
  readonly pieceEnd: (bytes: Uint8Array, start: number) => number
}

/** A character of UTF-16 is at most so many bytes of UTF-8. */
const BYTES_PER_UNIT = 3
const encoder = new TextEncoder()
/** The bytes of a usual text are written here. Safe, because counting never yields. */
const small = new Uint8Array(64 * 1024)

/** Counts by byte-pair encoding. The vocabulary is read at the first count, not when the module is imported. */
export function bytePairTokenizer({ id, version, tokens, pieceEnd }: Encoding): Tokenizer {
  let vocabulary: Vocabulary | undefined
  return {
    id,
    version,
    count(text) {
      vocabulary ??= readVocabulary(id, tokens)
      const most = text.length * BYTES_PER_UNIT + 1
      const bytes = most <= small.length ? small : new Uint8Array(most)
      const { written } = encoder.encodeInto(text, bytes)
      bytes[written] = END
      return countPieces(bytes, written, pieceEnd, vocabulary)
    },
  }
}

function countPieces(
  bytes: Uint8Array,
  length: number,
  pieceEnd: Encoding['pieceEnd'],
  vocabulary: Vocabulary,
): number {
  let tokens = 0
  for (let start = 0; start < length; ) {
    const end = pieceEnd(bytes, start)
    if (end - start === 1)
      tokens += 1 // every byte is a token
    else if (end - start === 2) {
      tokens += vocabulary.pairs[((bytes[start] as number) << 8) | (bytes[start + 1] as number)] === NO_RANK ? 2 : 1
    } else tokens += vocabulary.rankOf(bytes, start, end) !== NO_RANK ? 1 : countMerged(bytes, start, end, vocabulary)
    start = end
  }
  return tokens
}
