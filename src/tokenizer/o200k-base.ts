import { countMerged } from './byte-pair-merge.ts'
import { END } from './character-kinds.ts'
import { readO200kVocabulary } from './o200k-vocabulary.ts'
import { pieceEnd } from './piece-end.ts'
import type { Tokenizer } from './tokenizer.ts'
import { NO_RANK, type Vocabulary } from './vocabulary.ts'

/** A character of UTF-16 is at most so many bytes of UTF-8. */
const BYTES_PER_UNIT = 3
const encoder = new TextEncoder()
/** The bytes of a usual text are written here. Safe, because counting never yields. */
const small = new Uint8Array(64 * 1024)

function countPieces(bytes: Uint8Array, length: number, vocabulary: Vocabulary): number {
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

let vocabulary: Vocabulary | undefined

/**
 * The canonical tokenizer of every receipt: OpenAI's o200k_base, vocabulary from gpt-tokenizer 4.0.0 (the version is
 * that of the vocabulary). Counts exactly what tiktoken counts, on any text, in n · log n.
 */
export const o200kBase: Tokenizer = {
  id: 'o200k_base',
  version: '4.0.0',
  count(text) {
    vocabulary ??= readO200kVocabulary() // at the first count, not when the module is imported
    const most = text.length * BYTES_PER_UNIT + 1
    const bytes = most <= small.length ? small : new Uint8Array(most)
    const { written } = encoder.encodeInto(text, bytes)
    bytes[written] = END
    return countPieces(bytes, written, vocabulary)
  },
}
