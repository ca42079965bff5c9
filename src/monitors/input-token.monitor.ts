import type { ThreadPool } from '../foundation/thread-pool.ts'
import type { StageUsage } from '../pricing/usage.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import { countTokens } from './counting-pool.ts'
import type { TokenMonitor } from './token-monitor.ts'

export type InputUsage = Extract<StageUsage, { kind: 'input' }>

/** Meters a customer's text as it was accepted, in tokens of the canonical tokenizer. */
export class InputTokenMonitor implements TokenMonitor<string, InputUsage> {
  readonly kind = 'input'
  readonly #tokenizer: Tokenizer
  readonly #pool: ThreadPool

  constructor(tokenizer: Tokenizer, pool: ThreadPool) {
    this.#tokenizer = tokenizer
    this.#pool = pool
  }

  /**
   * @param text as stored, that is after normalisation; 64 KB and more are counted in a thread
   * @returns tokens, an integer ≥ 0, exact
   * @throws DeadlineError, UnavailableError, or the signal's reason
   */
  async measure(text: string, signal?: AbortSignal): Promise<InputUsage> {
    return { kind: this.kind, tokens: await countTokens(this.#tokenizer, this.#pool, text, signal) }
  }
}
