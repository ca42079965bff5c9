import type { TokenClass } from '../../src/pricing/tariff.ts'
import type { UsageShape } from '../../src/pricing/usage.ts'

type Place = readonly [string] | readonly [string, string]
type Classes = Readonly<Record<TokenClass, number>>
type UsageObject = Readonly<Record<string, unknown>>

/** Where a shape's figures stand; every one of them matters. */
export const FIGURES: Readonly<Record<UsageShape, readonly Place[]>> = {
  tollkeeper: [['input'], ['cache_read'], ['cache_write'], ['output'], ['reasoning']],
  'openai-chat': [
    ['prompt_tokens'],
    ['completion_tokens'],
    ['total_tokens'],
    ['prompt_tokens_details', 'cached_tokens'],
    ['prompt_tokens_details', 'cache_write_tokens'],
    ['completion_tokens_details', 'reasoning_tokens'],
  ],
  'openai-responses': [
    ['input_tokens'],
    ['output_tokens'],
    ['total_tokens'],
    ['input_tokens_details', 'cached_tokens'],
    ['input_tokens_details', 'cache_write_tokens'],
    ['output_tokens_details', 'reasoning_tokens'],
  ],
  anthropic: [
    ['input_tokens'],
    ['output_tokens'],
    ['cache_read_input_tokens'],
    ['cache_creation_input_tokens'],
    ['cache_creation', 'ephemeral_5m_input_tokens'],
    ['cache_creation', 'ephemeral_1h_input_tokens'],
    ['output_tokens_details', 'thinking_tokens'],
  ],
  gemini: [
    ['promptTokenCount'],
    ['cachedContentTokenCount'],
    ['toolUsePromptTokenCount'],
    ['candidatesTokenCount'],
    ['thoughtsTokenCount'],
    ['totalTokenCount'],
  ],
  xai: [
    ['prompt_tokens'],
    ['completion_tokens'],
    ['total_tokens'],
    ['prompt_tokens_details', 'cached_tokens'],
    ['completion_tokens_details', 'reasoning_tokens'],
  ],
  'openai-compatible': [
    ['prompt_tokens'],
    ['completion_tokens'],
    ['total_tokens'],
    ['prompt_tokens_details', 'cached_tokens'],
    ['prompt_tokens_details', 'cache_write_tokens'],
    ['prompt_cache_hit_tokens'],
    ['prompt_cache_miss_tokens'],
    ['completion_tokens_details', 'reasoning_tokens'],
  ],
}

/**
 * A call's usage in a provider's words.
 * @param variant another way in which servers of this shape write the same: reasoning beside the answer or inside it, a
 *        cache in two lifetimes, a prompt that a tool made longer
 */
export function writeUsage(shape: UsageShape, classes: Classes, variant: boolean): UsageObject {
  const { input, cache_read, cache_write, output, reasoning } = classes
  const prompt = input + cache_read + cache_write
  const answer = output + reasoning
  const total = prompt + answer
  const cached = { cached_tokens: cache_read, cache_write_tokens: cache_write }
  const reasoned = { reasoning_tokens: reasoning }
  const chat = { prompt_tokens: prompt, total_tokens: total, completion_tokens_details: reasoned }
  const short = variant ? cache_write : Math.floor(cache_write / 2)
  const fromTool = variant ? Math.floor(input / 2) : 0
  switch (shape) {
    case 'tollkeeper':
      return classes
    case 'openai-chat':
      return { ...chat, completion_tokens: answer, prompt_tokens_details: cached }
    case 'openai-responses':
      return {
        input_tokens: prompt,
        output_tokens: answer,
        total_tokens: total,
        input_tokens_details: cached,
        output_tokens_details: reasoned,
      }
    case 'anthropic':
      return {
        input_tokens: input,
        output_tokens: answer,
        cache_read_input_tokens: cache_read,
        cache_creation_input_tokens: cache_write,
        cache_creation: { ephemeral_5m_input_tokens: short, ephemeral_1h_input_tokens: cache_write - short },
        output_tokens_details: { thinking_tokens: reasoning },
      }
    case 'gemini':
      return {
        promptTokenCount: prompt - fromTool,
        cachedContentTokenCount: cache_read,
        toolUsePromptTokenCount: fromTool,
        candidatesTokenCount: output,
        thoughtsTokenCount: reasoning,
        totalTokenCount: total,
      }
    case 'xai':
      return { ...chat, completion_tokens: output, prompt_tokens_details: { cached_tokens: cache_read } }
    case 'openai-compatible': {
      const hits = { prompt_cache_hit_tokens: cache_read, prompt_cache_miss_tokens: prompt - cache_read }
      return { ...chat, ...hits, completion_tokens: variant ? answer : output, prompt_tokens_details: cached }
    }
  }
}

/** What a provider itself says that all tokens were; undefined where it does not. */
export function statedTotal(shape: UsageShape, usage: UsageObject): number | undefined {
  const figure = (name: string) => {
    const tokens = usage[name]
    return typeof tokens === 'number' ? tokens : 0
  }
  if (shape === 'tollkeeper') return FIGURES.tollkeeper.reduce((sum, [name]) => sum + figure(name), 0)
  if (shape === 'anthropic') {
    const input = figure('input_tokens') + figure('cache_read_input_tokens') + figure('cache_creation_input_tokens')
    return input + figure('output_tokens')
  }
  const total = usage[shape === 'gemini' ? 'totalTokenCount' : 'total_tokens']
  return typeof total === 'number' ? total : undefined
}

export function figureAt(usage: UsageObject, [name, inner]: Place): unknown {
  const value = usage[name]
  return inner === undefined || !isObject(value) ? value : value[inner]
}

/** The same object with another figure. */
export function withFigure(usage: UsageObject, [name, inner]: Place, figure: unknown): UsageObject {
  if (inner === undefined) return { ...usage, [name]: figure }
  const details = usage[name]
  return { ...usage, [name]: { ...(isObject(details) ? details : {}), [inner]: figure } }
}

const isObject = (value: unknown): value is UsageObject => typeof value === 'object' && value !== null
