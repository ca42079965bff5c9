/**
 * Counts the tokens of a text. `id` and `version` stand on every receipt, so that its counts can be repeated: two
 * tokenizers that may count one text differently never share both.
 */
export interface Tokenizer {
  readonly id: string
  readonly version: string
  /** @returns tokens, a safe integer ≥ 0; 0 for the empty text only. Text that spells a special token is plain text. */
  count(text: string): number
}
