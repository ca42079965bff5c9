import { cl100kBase } from './cl100k-base.ts'
import { o200kBase } from './o200k-base.ts'
import type { Tokenizer } from './tokenizer.ts'

/** The tokenizers that are found by their id, in any thread. Each reads its vocabulary at its first count there. */
export const ENCODINGS = { o200k_base: o200kBase, cl100k_base: cl100kBase } as const satisfies Record<string, Tokenizer>

export type EncodingId = keyof typeof ENCODINGS

/** Under which id a thread finds this tokenizer; undefined for one of the platform's own, whatever that calls itself. */
export function encodingIdOf(tokenizer: Tokenizer): EncodingId | undefined {
  for (const id of Object.keys(ENCODINGS) as EncodingId[]) if (ENCODINGS[id] === tokenizer) return id
  return undefined
}
