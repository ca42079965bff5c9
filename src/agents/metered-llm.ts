import { TollkeeperError } from '../foundation/errors.ts'
import type { LlmUsage } from '../pricing/usage.ts'
import type { BoundLimits, MeteredLlm } from './agent.ts'
import { type LlmProvider, ProviderError, promptText } from './llm-provider.ts'

/** What is needed of `LLMTokenMonitor`. */
interface LlmMeter {
  measure(
    call: { model: string; prompt: string; output: string; reported?: unknown; maxOutputTokens: number },
    signal?: AbortSignal,
  ): Promise<LlmUsage>
}

/** An agent asked for more calls than its bounds said; the hold covers no more. */
export class CallLimitError extends TollkeeperError {
  constructor(callsMax: number) {
    super('agent-error', 500, `The agent may call the model ${callsMax} times here; raise \`calls\` in its bounds`)
  }
}

interface MeteredLlmOptions {
  readonly provider: LlmProvider
  readonly monitor: LlmMeter
  /** Per call, tokens: what the hold can pay for. */
  readonly maxOutputTokens: number
  readonly callsMax: number
  /**
   * Asks for a call beyond `callsMax`, by its number from 1, before it is made; rejects where it must not be. Without it
   * such a call fails.
   */
  readonly extend?: (call: number) => Promise<void>
  readonly signal: AbortSignal
}

/**
 * Puts the meter between one run of an agent and the provider.
 * @returns `usage()`: one entry per answered call, in the order in which the calls were made, whatever the agent did
 *          with the answers
 */
export function createMeteredLlm(options: MeteredLlmOptions): { llm: MeteredLlm; usage(): LlmUsage[] } {
  const { provider, monitor, maxOutputTokens, callsMax, signal } = options
  const extend = options.extend ?? (() => Promise.reject(new CallLimitError(callsMax)))
  const usages: (LlmUsage | null)[] = []
  let asked = 0
  let covered = callsMax
  const takeCall = async (): Promise<void> => {
    asked += 1
    const call = asked
    if (call <= covered) return
    try {
      await extend(call)
      covered = Math.max(covered, call)
    } catch (error) {
      asked -= 1
      throw error
    }
    signal.throwIfAborted()
  }
  const llm: MeteredLlm = {
    async generate({ system, prompt }) {
      signal.throwIfAborted()
      await takeCall()
      const call = usages.push(null) - 1
      const { text, usage: reported } = await provider.generate({ system, prompt, maxOutputTokens, signal })
      if (typeof text !== 'string') throw new ProviderError(`The model ${provider.model} answered without a text`, true)
      usages[call] = await monitor.measure(
        { model: provider.model, prompt: promptText({ system, prompt }), output: text, reported, maxOutputTokens },
        signal,
      )
      return { text }
    },
  }
  return { llm, usage: () => usages.filter((usage) => usage !== null) }
}

/**
 * How a provider's prompts are bounded before they are sent: exactly when it counts with the canonical tokenizer, by
 * their UTF-8 bytes otherwise (no byte-level tokenizer makes more tokens than bytes).
 * @param monitor counts a text's canonical tokens; an `InputTokenMonitor` keeps long texts off the event loop
 */
export function promptBound(
  provider: LlmProvider,
  monitor: { measure(text: string): Promise<{ tokens: number }> },
): BoundLimits['countPrompt'] {
  return async (prompt) =>
    provider.usesCanonicalTokenizer ? (await monitor.measure(prompt)).tokens : Buffer.byteLength(prompt, 'utf8')
}
