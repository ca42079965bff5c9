import type { ThreadPool } from '../foundation/thread-pool.ts'
import type { LlmUsage, UsageShape } from '../pricing/usage.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import { countTokens } from './counting-pool.ts'
import { keptUsage, readReportedUsage } from './reported-usage.ts'
import type { TokenMonitor } from './token-monitor.ts'

/** One call of a model, as it went over the wire. */
export interface LlmCall {
  readonly model: string
  /** Everything that was sent: instructions and text. */
  readonly prompt: string
  /** The answer's text. */
  readonly output: string
  /** What the provider says it used, as it said it; what cannot be understood or believed counts as not reported. */
  readonly reported?: unknown
  /** Whose words `reported` is in; default `tollkeeper`, our own five classes. */
  readonly shape?: UsageShape
  /** What the prompt has at most, in the provider's own tokens; default its bytes of UTF-8, which no tokenizer exceeds. */
  readonly promptTokensMax?: number
  /** The limit that the call asked for, in tokens; default 1,000,000, more than any model answers at once. */
  readonly maxOutputTokens?: number
}

const ANSWER_TOKENS_MAX = 1_000_000

/**
 * Meters one provider call. The provider's own figures are taken when they are possible; otherwise prompt and answer
 * are counted with the canonical tokenizer and flagged `counted`: never negative, never silently 0.
 */
export class LLMTokenMonitor implements TokenMonitor<LlmCall, LlmUsage> {
  readonly kind = 'llm'
  readonly #tokenizer: Tokenizer
  readonly #pool: ThreadPool

  constructor(tokenizer: Tokenizer, pool: ThreadPool) {
    this.#tokenizer = tokenizer
    this.#pool = pool
  }

  /**
   * @returns tokens per class, integers ≥ 0. Impossible is: more prompt tokens than the prompt can have, or more output
   *          and reasoning tokens than were asked for
   * @throws DeadlineError, UnavailableError, or the signal's reason
   */
  async measure(call: LlmCall, signal?: AbortSignal): Promise<LlmUsage> {
    const { model, prompt, output, reported, shape = 'tollkeeper', maxOutputTokens = ANSWER_TOKENS_MAX } = call
    const { promptTokensMax = Buffer.byteLength(prompt, 'utf8') } = call
    const raw = keptUsage(shape, reported)
    const evidence = raw && { evidence: { raw } }
    const classes = readReportedUsage(shape, reported, { prompt: promptTokensMax, answer: maxOutputTokens })
    if (classes !== null) return { model, source: 'reported', classes, ...evidence }
    const count = (text: string) => countTokens(this.#tokenizer, this.#pool, text, signal)
    const [input, answered] = await Promise.all([count(prompt), count(output)])
    return { model, source: 'counted', classes: { input, output: answered }, ...evidence }
  }
}
