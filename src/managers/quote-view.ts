import type { NotStarted } from '../pricing/batch-quote.ts'
import type { Nano } from '../pricing/money.ts'

/** What is quoted for: who would pay, by which prices, and with what. Amounts in nano-units of the currency. */
interface QuotedFor {
  readonly organizationId: string
  readonly tariffId: string
  readonly tariffVersion: number
  readonly currency: string
  readonly available: Nano
}

/** What is worth knowing beside the figures, in a sentence each. */
export interface QuoteWarning {
  readonly code: 'unpriced-meter' | 'unpriced-model' | 'frozen' | 'past_due' | 'member_limit' | 'waiting-first'
  readonly detail: string
}

/** Of a stage or a whole job, in nano-units: what it costs at least, and what would be held, which is the most. */
export interface Bounds {
  readonly lower: Nano
  readonly upper: Nano
}

/** What one text would cost as a job, before any work and without effect. */
interface TextBounds extends Bounds {
  /** Tokens of the text as it would be stored, exact. */
  readonly inputTokens: number
  /** In their order; `lower` and `upper` of the text are their sums. */
  readonly stages: readonly (Bounds & { readonly stage: string })[]
}

export interface QuoteView extends QuotedFor, TextBounds {
  /** Whether the job would start now. */
  readonly affordable: boolean
  readonly warnings: readonly QuoteWarning[]
}

/** A text at its place in a list, after those before it that fit have taken their holds and free units. */
export interface ListedQuoteView extends TextBounds {
  /** From 0, as the texts were given. */
  readonly index: number
  /** Whether it would start. */
  readonly fits: boolean
  /**
   * Why not. `held_by_others`: it would wait for holds, of the texts before it too, and start as they close.
   * `insufficient`: it would wait for money. `past_due`, `frozen`, `member_limit`: for the end of that. The others: it would fail.
   */
  readonly reason: NotStarted | null
}

/**
 * What a list of texts would come to if each was submitted now, in this order, and nothing else happened meanwhile: a
 * text starts if its hold fits, and is passed over if not. Sums are without texts that would fail whatever the balance.
 */
export interface BatchQuoteView extends QuotedFor, Bounds {
  readonly texts: number
  readonly inputTokens: number
  /** How many would start. */
  readonly fitting: number
  /** No more than this many could be paid for, whatever their order and however little they use. */
  readonly fittingAtMost: number
  /** Whether all would start. */
  readonly affordable: boolean
  /** What a top-up must be for all to start; 0 where no money is lacking. */
  readonly missing: Nano
  readonly quotes: readonly ListedQuoteView[]
  readonly warnings: readonly QuoteWarning[]
}
