import { disjoint, optional, required, tokensAt, type UsageReading } from './reading.ts'

/**
 * `usage` of OpenAI's chat completions. `prompt_tokens` includes what was read from the cache and what was written to it,
 * `completion_tokens` includes reasoning; `total_tokens` is the sum of both. Tokens of sound, images and predictions are
 * parts of the same two sums and have no class of their own.
 * @see https://github.com/openai/openai-node/blob/7b7d6ca71130d37ec09792c50056b47861f2eccf/src/resources/completions.ts
 * @see https://developers.openai.com/api/docs/guides/prompt-caching
 */
export const readOpenAiChat: UsageReading = (usage) => {
  const prompt = required(tokensAt(usage, 'prompt_tokens'))
  const answer = required(tokensAt(usage, 'completion_tokens'))
  if ((tokensAt(usage, 'total_tokens') ?? prompt + answer) !== prompt + answer) return null
  return disjoint({
    prompt,
    cacheRead: optional(tokensAt(usage, 'prompt_tokens_details', 'cached_tokens')),
    cacheWrite: optional(tokensAt(usage, 'prompt_tokens_details', 'cache_write_tokens')),
    answer,
    reasoning: optional(tokensAt(usage, 'completion_tokens_details', 'reasoning_tokens')),
  })
}
