import { disjoint, optional, required, tokensAt, type UsageReading } from './reading.ts'
import { answerOf } from './stated-answer.ts'

type Place = readonly string[]

/** OpenAI, DeepSeek, Moonshot, Mistral. Some give the same figure twice. */
const CACHE_READ: readonly Place[] = [
  ['prompt_tokens_details', 'cached_tokens'],
  ['prompt_cache_hit_tokens'],
  ['cached_tokens'],
  ['num_cached_tokens'],
  ['cache_read_input_tokens'],
]

/** OpenAI and OpenRouter, Alibaba. */
const CACHE_WRITE: readonly Place[] = [
  ['prompt_tokens_details', 'cache_write_tokens'],
  ['prompt_tokens_details', 'cache_creation_input_tokens'],
  ['cache_creation_input_tokens'],
]

/** OpenAI and most, SGLang and NVIDIA. */
const REASONING: readonly Place[] = [['completion_tokens_details', 'reasoning_tokens'], ['reasoning_tokens']]

/**
 * `usage` of a server that speaks OpenAI's chat protocol: vLLM, Ollama, llama.cpp, Groq, Mistral, DeepSeek, OpenRouter,
 * Google's and xAI's compatible endpoints. They agree that the cache is a part of `prompt_tokens`, and disagree where
 * reasoning stands. It is a part of `completion_tokens` if these make the total with the prompt, or if there is no total
 * and it fits into them; it stands beside them if all three make the total; and where nothing is said of it, what only
 * the total knows is reasoning. Fields that we do not know (costs, times) are ignored; what they name is a part of a
 * sum that we have.
 * @see https://api-docs.deepseek.com/guides/kv_cache
 * @see https://openrouter.ai/docs/use-cases/usage-accounting
 * @see https://discuss.ai.google.dev/t/question-with-usage-in-openai-compatibility/98760
 */
export const readOpenAiCompatible: UsageReading = (usage) => {
  const prompt = required(tokensAt(usage, 'prompt_tokens'))
  const completion = required(tokensAt(usage, 'completion_tokens'))
  const cacheRead = agreed(usage, CACHE_READ)
  const cacheWrite = optional(agreed(usage, CACHE_WRITE))
  const missed = tokensAt(usage, 'prompt_cache_miss_tokens')
  if (missed !== undefined && missed + optional(cacheRead) !== prompt) return null

  const total = tokensAt(usage, 'total_tokens') ?? prompt + completion
  const stated = agreed(usage, REASONING)
  const onlyInTotal = Math.max(0, total - prompt - completion)
  // A cache that stands beside the prompt would look the same: then nobody can say what those tokens are.
  if (stated === undefined && onlyInTotal > 0 && onlyInTotal === optional(cacheRead) + cacheWrite) return null
  const reasoning = stated ?? onlyInTotal
  const answer = answerOf({ prompt, completion, reasoning, total })
  return answer === null ? null : disjoint({ prompt, cacheRead: optional(cacheRead), cacheWrite, answer, reasoning })
}

/** The tokens that stand at these places; undefined where none of them has any, NaN where they differ. */
function agreed(usage: unknown, places: readonly Place[]): number | undefined {
  const stated = places.map((place) => tokensAt(usage, ...place)).filter((tokens) => tokens !== undefined)
  return stated.every((tokens) => tokens === stated[0]) ? stated[0] : Number.NaN
}
