import type { LlmBound } from '../pricing/usage.ts'
import type { ToolSpec } from './llm-provider.ts'

/** The metered door to a model: every call is counted for the receipt. An agent never sees a price or a provider. */
export interface MeteredLlm {
  /**
   * Asks the model.
   * @param request.system what to do, in the agent's own words
   * @param request.prompt what to do it with
   * @param request.tools what the model may use before it answers. Each round of it is one call, metered as one, and its
   *        prompt is all that was said before: bounds must allow for both
   * A call beyond those that the agent's bounds said is held for before it is made. Where there is no money for it, the
   * job is parked and this throws: let it pass, the agent runs again from its beginning once the job is resumed.
   * @throws ProviderError, CallLimitError (bounds that said no model at all), PromptLimitError (a longer prompt than
   *         bounded), or the reason of the abort
   */
  generate(request: {
    readonly system: string
    readonly prompt: string
    readonly tools?: readonly Tool[]
  }): Promise<{ text: string }>
}

/** A tool of an agent. What `run` throws is told to the model as the tool's answer. */
export interface Tool extends ToolSpec {
  /** @param input as the model wrote it, parsed: check it */
  run(input: unknown, signal: AbortSignal): Promise<string> | string
}

export interface AgentContext {
  readonly llm: MeteredLlm
  /** Aborts when the job is cancelled or parked, or its time is over: stop soon, the result is not wanted. */
  readonly signal: AbortSignal
}

export interface BoundLimits {
  readonly model: string
  /** Tokens that one call may answer with. */
  readonly maxOutputTokens: number
  /** @returns tokens that a prompt (`promptText`) has at most */
  countPrompt(prompt: string): Promise<number>
}

/** How much of what an earlier agent wrote stands in a later one's prompt. */
export interface NoteLimit {
  /** Tokens of one cut text, as prompts are bounded. */
  readonly tokensMax: number
  cut(text: string): string
}

/** A worker on a text, found by its key. It keeps no state between runs, and may be run again for the same job. */
export interface Agent {
  readonly key: string
  /**
   * The most that `run` will use of the model for this text: it is held before the job starts. A call beyond it waits
   * until it is held for, too, which may park the job.
   * @returns null for an agent that calls no model
   */
  bounds(text: string, limits: BoundLimits): LlmBound | null | Promise<LlmBound | null>
  /** @returns what the customer gets of this agent; an empty text is an answer too */
  run(text: string, context: AgentContext): Promise<{ text: string }>
}
