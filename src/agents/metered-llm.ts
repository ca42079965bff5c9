import { TollkeeperError } from '../foundation/errors.ts'
import type { LlmUsage, UsageShape } from '../pricing/usage.ts'
import type { BoundLimits, MeteredLlm } from './agent.ts'
import {
  answerText,
  type LlmAnswer,
  type LlmProvider,
  type LlmRequest,
  ProviderError,
  promptText,
} from './llm-provider.ts'
import { generateWithTools } from './tool-loop.ts'

/** What is needed of `LLMTokenMonitor`. */
interface LlmMeter {
  measure(call: {
    model: string
    prompt: string
    output: string
    reported?: unknown
    shape?: UsageShape
    promptTokensMax: number
    maxOutputTokens: number
  }): Promise<LlmUsage>
}

/** An agent asked for more calls than its bounds said; the hold covers no more. */
export class CallLimitError extends TollkeeperError {
  constructor(callsMax: number) {
    super('agent-error', 500, `The agent may call the model ${callsMax} times here; raise \`calls\` in its bounds`)
  }
}

/** An agent's prompt is longer than its bounds said; the hold does not cover it, and the model was not called. */
export class PromptLimitError extends TollkeeperError {
  constructor(tokens: number, tokensMax: number) {
    const detail = `A prompt of up to ${tokens} tokens is more than the ${tokensMax} that the agent bounded`
    super('agent-error', 500, `${detail}; raise \`promptTokens\` in its bounds`)
  }
}

interface MeteredLlmOptions {
  readonly provider: LlmProvider
  readonly monitor: LlmMeter
  /** Tokens that a prompt has at most, as bounds were made. */
  readonly countPrompt: BoundLimits['countPrompt']
  /** Per call, tokens: what the hold can pay for. */
  readonly promptTokensMax: number
  readonly maxOutputTokens: number
  readonly callsMax: number
  /**
   * Asks for a call beyond `callsMax`, by its number from 1, before it is made; rejects where it must not be. Without it
   * such a call fails.
   */
  readonly extend?: (call: number) => Promise<void>
  /** Asked before each call but the first, which the claim has just allowed; rejects where no call may follow. */
  readonly goOn?: () => Promise<void>
  readonly signal: AbortSignal
}

interface MeteredCalls {
  readonly llm: MeteredLlm
  /** One entry per answered call, in the order in which the calls were made, whatever the agent did with the answers. */
  usage(): LlmUsage[]
  /** The same of calls that broke off: the platform bears them. */
  lost(): LlmUsage[]
  /** Resolves when no question is under way; one that the signal ends breaks off a moment later, and is counted then. */
  ended(): Promise<void>
}

/** Puts the meter between one run of an agent and the provider. */
export function createMeteredLlm(options: MeteredLlmOptions): MeteredCalls {
  const { provider, monitor, maxOutputTokens, signal } = options
  const takeCall = callTaker(options)
  const usages: (LlmUsage | null)[] = []
  const lost: LlmUsage[] = []
  const underWay = new Set<Promise<unknown>>()

  // Never under the signal: what a stopped run used was used nevertheless.
  const meter = async (request: LlmRequest, promptTokensMax: number, answer: LlmAnswer): Promise<LlmUsage> => {
    const [prompt, output] = [promptText(request), answerText(answer)]
    const { model, usageShape: shape } = provider
    const limits = { promptTokensMax, maxOutputTokens }
    const usage = await monitor.measure({ model, prompt, output, reported: answer.usage, shape, ...limits })
    if (usage.source === 'reported') return usage
    const counted = { prompt: [prompt], answer: [output] }
    return { ...usage, evidence: { raw: null, ...usage.evidence, counted } }
  }

  const call = async (asked: Pick<LlmRequest, 'system' | 'messages' | 'tools'>): Promise<LlmAnswer> => {
    signal.throwIfAborted()
    const request = { ...asked, maxOutputTokens, signal }
    const promptTokens = await options.countPrompt(promptText(request))
    await takeCall(promptTokens)
    const place = usages.push(null) - 1
    const answer = await provider.generate(request).catch(async (error: unknown) => {
      const partial = partialOf(error)
      if (partial !== undefined) {
        lost.push(await meter(request, promptTokens, { text: partial, toolCalls: [], usage: null }))
      }
      // Who ended the call is told why it ended, not how it broke off.
      signal.throwIfAborted()
      throw error
    })
    if (typeof answer.text !== 'string') {
      throw new ProviderError(`The model ${provider.model} answered without a text`, true)
    }
    usages[place] = await meter(request, promptTokens, answer)
    return answer
  }
  // The whole question, since a tool may run between two of its calls. A failure that its agent looks at later, or never,
  // is looked at here: nobody's rejection ends the process.
  const generate: MeteredLlm['generate'] = (request) => {
    const answer = generateWithTools(request, call, signal)
    const end: Promise<unknown> = answer.then(
      () => underWay.delete(end),
      () => underWay.delete(end),
    )
    underWay.add(end)
    return answer
  }
  return {
    llm: { generate },
    usage: () => usages.filter((usage) => usage !== null),
    lost: () => lost,
    async ended() {
      while (underWay.size > 0) await Promise.all(underWay)
    },
  }
}

function partialOf(error: unknown): string | undefined {
  return error instanceof ProviderError ? error.partial : undefined
}

/** Lets calls through that are held for, one after the other where they must be asked for. */
function callTaker({ callsMax, promptTokensMax, extend, goOn, signal }: MeteredLlmOptions) {
  const more = extend ?? (() => Promise.reject(new CallLimitError(callsMax)))
  let asked = 0
  let covered = callsMax
  return async (promptTokens: number): Promise<void> => {
    if (promptTokens > promptTokensMax && callsMax > 0) throw new PromptLimitError(promptTokens, promptTokensMax)
    asked += 1
    const call = asked
    try {
      if (call > 1 && call <= covered) await goOn?.()
      if (call > covered) {
        await more(call)
        covered = Math.max(covered, call)
      }
      signal.throwIfAborted()
    } catch (error) {
      asked -= 1
      throw error
    }
  }
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
