import { bytePairTokenizer } from './byte-pair-tokenizer.ts'
import { o200kPieceEnd } from './o200k-piece-end.ts'
import type { Tokenizer } from './tokenizer.ts'

/**
 * The canonical tokenizer of every receipt: OpenAI's o200k_base (GPT-4o and later), vocabulary from gpt-tokenizer 4.0.0
 * (the version is that of the vocabulary). Counts exactly what tiktoken counts, on any text, in n · log n steps.
 */
export const o200kBase: Tokenizer = bytePairTokenizer({
  id: 'o200k_base',
  version: '4.0.0',
  tokens: 199_998,
  pieceEnd: o200kPieceEnd,
})
