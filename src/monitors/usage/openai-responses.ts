import { disjoint, optional, required, tokensAt, type UsageReading } from './reading.ts'

/**
 * `usage` of OpenAI's responses: what chat completions say, in other words. `input_tokens` includes both directions of
 * the cache, `output_tokens` includes reasoning, `total_tokens` is the sum of both.
 * @see https://github.com/openai/openai-node/blob/7b7d6ca71130d37ec09792c50056b47861f2eccf/src/resources/responses/responses.ts
 * @see https://developers.openai.com/api/docs/guides/prompt-caching
 */
export const readOpenAiResponses: UsageReading = (usage) => {
  const prompt = required(tokensAt(usage, 'input_tokens'))
  const answer = required(tokensAt(usage, 'output_tokens'))
  if ((tokensAt(usage, 'total_tokens') ?? prompt + answer) !== prompt + answer) return null
  return disjoint({
    prompt,
    cacheRead: optional(tokensAt(usage, 'input_tokens_details', 'cached_tokens')),
    cacheWrite: optional(tokensAt(usage, 'input_tokens_details', 'cache_write_tokens')),
    answer,
    reasoning: optional(tokensAt(usage, 'output_tokens_details', 'reasoning_tokens')),
  })
}
