import type { Sentence } from './offline-reader.ts'

/** Nearer to 0 a sentence says something else. */
const NEUTRAL_BELOW = 0.2

export interface Sentiment {
  /** Over all sentences, -1 to 1. */
  readonly mean: number
  readonly positive: number
  readonly negative: number
  readonly neutral: number
  /** The clearest sentences; the first of equals. */
  readonly best: Sentence | null
  readonly worst: Sentence | null
}

/**
 * How sentences sound by wink's lexicon of English words: no more than the mean of their words. It is blind to irony, to
 * what a word means in its field, and to other languages.
 */
export function sentimentOf(sentences: readonly Sentence[]): Sentiment {
  const positive = sentences.filter(({ sentiment }) => sentiment >= NEUTRAL_BELOW)
  const negative = sentences.filter(({ sentiment }) => sentiment <= -NEUTRAL_BELOW)
  const sum = sentences.reduce((total, { sentiment }) => total + sentiment, 0)
  const most = (of: readonly Sentence[], sign: 1 | -1) =>
    of.reduce<Sentence | null>((top, one) => (top && sign * top.sentiment >= sign * one.sentiment ? top : one), null)
  return {
    mean: sentences.length === 0 ? 0 : sum / sentences.length,
    positive: positive.length,
    negative: negative.length,
    neutral: sentences.length - positive.length - negative.length,
    best: most(positive, 1),
    worst: most(negative, -1),
  }
}

/** In words: mixed where both sides are heard and neither prevails. */
export function soundOf({ mean, positive, negative, neutral }: Sentiment): string {
  const spoken = positive + negative
  const rest = spoken + neutral
  if (spoken * 10 < rest) return 'neutral'
  if (positive > 2 * negative) return mean >= NEUTRAL_BELOW ? 'positive' : 'rather positive'
  if (negative > 2 * positive) return mean <= -NEUTRAL_BELOW ? 'negative' : 'rather negative'
  return 'mixed'
}
