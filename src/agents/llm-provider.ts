import { TollkeeperError } from '../foundation/errors.ts'

export interface LlmRequest {
  readonly system: string
  readonly prompt: string
  /** The answer ends here, whatever is left to say; tokens. */
  readonly maxOutputTokens: number
  readonly signal: AbortSignal
}

export interface LlmAnswer {
  readonly text: string
  /** Tokens in our five disjoint classes as the provider counted them, or null. Judged before it is believed. */
  readonly usage: unknown
}

/** Somebody who answers prompts. One call, no retries of its own: a retried call would vanish from the usage. */
export interface LlmProvider {
  readonly model: string
  /** Whether it counts with o200k_base exactly: then prompts are bounded by their tokens, otherwise by their bytes. */
  readonly usesCanonicalTokenizer: boolean
  /** @throws ProviderError, or the signal's reason */
  generate(request: LlmRequest): Promise<LlmAnswer>
}

/** A provider gave no usable answer; `retryable` says whether the same call may succeed later. */
export class ProviderError extends TollkeeperError {
  readonly retryable: boolean

  constructor(message: string, retryable: boolean, options?: ErrorOptions) {
    super('provider-error', 503, message, options)
    this.retryable = retryable
  }
}

/** A call's whole prompt as one text: what is bounded before the call and counted after it. */
export const promptText = (request: { readonly system: string; readonly prompt: string }): string =>
  `${request.system}\n\n${request.prompt}`
