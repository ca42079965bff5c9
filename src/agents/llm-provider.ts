import { TollkeeperError } from '../foundation/errors.ts'
import type { UsageShape } from '../pricing/usage.ts'

/** What a model may ask for before it answers. */
export interface ToolSpec {
  readonly name: string
  /** For the model: what the tool does, and when to use it. */
  readonly description: string
  /** JSON Schema of the tool's input, an object. */
  readonly parameters: Readonly<Record<string, unknown>>
}

/** A tool that a model wants to be run; `input` is JSON as the model wrote it, judged by nobody yet. */
export interface ToolCall {
  readonly id: string
  readonly name: string
  readonly input: string
}

/** What was said so far, oldest first. Each `tool` message answers one call of the assistant's message before it. */
export type LlmMessage =
  | { readonly role: 'user'; readonly text: string }
  | { readonly role: 'assistant'; readonly text: string; readonly toolCalls: readonly ToolCall[] }
  | { readonly role: 'tool'; readonly callId: string; readonly name: string; readonly text: string }

/** One call of a model. */
export interface LlmRequest {
  readonly system: string
  readonly messages: readonly LlmMessage[]
  readonly tools: readonly ToolSpec[]
  /** The answer ends here, whatever is left to say; tokens. */
  readonly maxOutputTokens: number
  readonly signal: AbortSignal
}

export interface LlmAnswer {
  readonly text: string
  /** Not empty: the model waits for these before it goes on. */
  readonly toolCalls: readonly ToolCall[]
  /** What the provider says it used, as it said it, in its `usageShape`; null if it said nothing. Judged before it is believed. */
  readonly usage: unknown
}

/** Somebody who answers prompts. One call, no retries of its own: a retried call would vanish from the usage. */
export interface LlmProvider {
  readonly model: string
  /** Whose words its usage is in. */
  readonly usageShape: UsageShape
  /** Whether it counts with o200k_base exactly: then prompts are bounded by their tokens, otherwise by their bytes. */
  readonly usesCanonicalTokenizer: boolean
  /**
   * @throws ProviderError, also for a call that the signal ended while it was answered: `partial` is what it used then;
   *         the signal's reason for one that never began
   */
  generate(request: LlmRequest): Promise<LlmAnswer>
}

interface ProviderErrorOptions extends ErrorOptions {
  /** What had been answered when the call broke off: the platform pays for it. Undefined: the model was not reached. */
  readonly partial?: string
}

/** A provider gave no usable answer; `retryable` says whether the same call may succeed later. */
export class ProviderError extends TollkeeperError {
  readonly retryable: boolean
  /** No field of its own: those are logged, and this is a customer's. */
  readonly #partial: string | undefined

  constructor(message: string, retryable: boolean, { partial, ...options }: ProviderErrorOptions = {}) {
    super('provider-error', 503, message, options)
    this.retryable = retryable
    this.#partial = partial
  }

  get partial(): string | undefined {
    return this.#partial
  }
}

/**
 * A call's whole prompt as one text: what is bounded before the call and counted after it. Instructions and one message
 * stand in it as they are; what a tool loop adds stands behind them, tools as JSON.
 */
export function promptText({
  system,
  messages,
  tools = [],
}: Pick<LlmRequest, 'system' | 'messages'> & { tools?: LlmRequest['tools'] }): string {
  const said = messages.map((message) => (message.role === 'assistant' ? answerText(message) : message.text))
  return [system, ...said, ...tools.map((tool) => JSON.stringify(tool))].join('\n\n')
}

/** An answer as one text: what is counted of it, where its provider does not say. */
export const answerText = ({ text, toolCalls }: Pick<LlmAnswer, 'text' | 'toolCalls'>): string =>
  [text, ...toolCalls.map(({ name, input }) => `${name} ${input}`)].filter((part) => part !== '').join('\n')
