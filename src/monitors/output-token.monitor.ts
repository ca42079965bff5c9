import type { ThreadPool } from '../foundation/thread-pool.ts'
import type { StageUsage } from '../pricing/usage.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import { countTokens } from './counting-pool.ts'
import type { TokenMonitor } from './token-monitor.ts'

export type OutputUsage = Extract<StageUsage, { kind: 'output' }>

/** Meters the result that is delivered, in tokens of the canonical tokenizer, whatever models made it. */
export class OutputTokenMonitor implements TokenMonitor<string, OutputUsage> {
  readonly kind = 'output'
  readonly #tokenizer: Tokenizer
  readonly #pool: ThreadPool

  constructor(tokenizer: Tokenizer, pool: ThreadPool) {
    this.#tokenizer = tokenizer
    this.#pool = pool
  }

  /**
   * @param text the whole result, as the customer gets it; 64 KB and more are counted in a thread
   * @returns tokens, an integer ≥ 0, exact
   * @throws DeadlineError, UnavailableError, or the signal's reason
   */
  async measure(text: string, signal?: AbortSignal): Promise<OutputUsage> {
    return { kind: this.kind, tokens: await countTokens(this.#tokenizer, this.#pool, text, signal) }
  }
}
