/** What a figure is; together with `of` and `stage` it names one. */
export type Figure =
  /** What was measured: the tokens of a text, the classes of a model call. */
  | 'tokens'
  /** The text that was delivered. */
  | 'result'
  /** Of a line: how many tokens of which class, and who said so. */
  | 'quantity'
  /** Of a line: what of it was included, and where its counter stood. */
  | 'units'
  /** Of a line: the price that the pinned tariff has for it. */
  | 'rate'
  /** Of a line: what it costs, rounded half up. */
  | 'amount'
  /** An entry of the ledger. */
  | 'entry'
  /** A sum of the receipt. */
  | 'sum'

/** What became of one figure of a receipt when it was made again. */
export interface Finding {
  /** `input`, `agent.<key>` or `output`; null: the job as a whole. */
  readonly stage: string | null
  /** `text`, `result`, `call 2`, a line by its component and class (`llm-in/input`), or a sum by its name. */
  readonly of: string
  readonly figure: Figure
  /** `not_provable`: what it was made from is not stored (any more); `how` says why. */
  readonly verdict: 'proved' | 'differs' | 'not_provable'
  /** As it is stored: tokens as plain integers, amounts as the contract writes them. */
  readonly stored: string
  /** As it was made again; null where it could not be. */
  readonly recomputed: string | null
  /** What it was made from, in words or as a formula with figures; or why it could not be made. */
  readonly how: string
}

/** Which figure a finding is about. */
export type About = Pick<Finding, 'stage' | 'of' | 'figure'>

/** A figure that was made again: the same, or not. */
export function compare(about: About, stored: string, recomputed: string, how: string): Finding {
  return { ...about, verdict: stored === recomputed ? 'proved' : 'differs', stored, recomputed, how }
}

/** A figure that cannot be made again. @param reason in words */
export function notProvable(about: About, stored: string, reason: string): Finding {
  return { ...about, verdict: 'not_provable', stored, recomputed: null, how: reason }
}
