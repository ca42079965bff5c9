import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import type { NoteLimit } from './agent.ts'
import type { LlmProvider } from './llm-provider.ts'

const ELLIPSIS = '…'

/** The longest beginning of a text, at a character's edge, that has at most so many tokens with its ellipsis. */
export function cutToTokens(text: string, maxTokens: number, tokenizer: Tokenizer): string {
  if (tokenizer.count(text) <= maxTokens) return text
  const characters = [...text]
  const cut = (length: number) => (length === 0 ? '' : characters.slice(0, length).join('').trimEnd() + ELLIPSIS)
  const fits = (length: number) => tokenizer.count(cut(length)) <= maxTokens
  let low = 0
  let high = characters.length
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (fits(middle)) low = middle
    else high = middle - 1
  }
  while (low > 0 && !fits(low)) low -= 1 // one character more may be one token less, so halving can end a little high
  return cut(low)
}

/** Bytes per token that a note may have where prompts are bounded by their bytes: most languages' words are shorter. */
const BYTES_PER_TOKEN = 4

/**
 * How much of an earlier agent's text a later one is given, in the unit that the provider's prompts are bounded in: all of
 * it where the provider counts as we do, otherwise so many bytes as its tokens usually have.
 */
export function noteLimit(provider: LlmProvider, tokenizer: Tokenizer, maxOutputTokens: number): NoteLimit {
  if (provider.usesCanonicalTokenizer) {
    return { tokensMax: maxOutputTokens, cut: (text) => cutToTokens(text, maxOutputTokens, tokenizer) }
  }
  const tokensMax = BYTES_PER_TOKEN * maxOutputTokens
  return { tokensMax, cut: (text) => cutToBytes(text, tokensMax) }
}

/** The longest beginning of a text, at a character's edge, that has at most so many bytes of UTF-8 with its ellipsis. */
function cutToBytes(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text)
  if (bytes.length <= maxBytes) return text
  let end = maxBytes - Buffer.byteLength(ELLIPSIS)
  while (end > 0 && ((bytes[end] as number) & 0xc0) === 0x80) end-- // in the middle of a character
  return end <= 0 ? '' : bytes.toString('utf8', 0, end).trimEnd() + ELLIPSIS
}
