import type { LlmBound } from '../pricing/usage.ts'

/** The metered door to a model: every call is counted for the receipt. An agent never sees a price or a provider. */
export interface MeteredLlm {
  /**
   * One call of the model.
   * @param request.system what to do, in the agent's own words
   * @param request.prompt what to do it with
   * A call beyond those that the agent's bounds said is held for before it is made. Where there is no money for it, the
   * job is parked and this throws: let it pass, the agent runs again from its beginning once the job is resumed.
   * @throws ProviderError, CallLimitError (bounds that said no model at all), or the reason of the abort
   */
  generate(request: { readonly system: string; readonly prompt: string }): Promise<{ text: string }>
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
