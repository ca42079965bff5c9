import type { Tokenizer } from '../tokenizer/tokenizer.ts'

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
