import { readOpenAiResponses } from './openai-responses.ts'
import { disjoint, optional, required, tokensAt, type UsageReading } from './reading.ts'
import { answerOf } from './stated-answer.ts'

/**
 * `usage` of xAI. In chat completions `completion_tokens` **excludes** `reasoning_tokens`, and `total_tokens` is the sum
 * of prompt, completion and reasoning; it must be there once there is reasoning, since a gateway in front may have put
 * the reasoning into the completion. Its responses API speaks and counts as OpenAI's does.
 * @see https://docs.x.ai/docs/key-information/consumption-and-rate-limits
 * @see https://docs.x.ai/developers/advanced-api-usage/prompt-caching/usage-and-pricing
 */
export const readXai: UsageReading = (usage) => {
  if (tokensAt(usage, 'input_tokens') !== undefined) return readOpenAiResponses(usage)
  const prompt = required(tokensAt(usage, 'prompt_tokens'))
  const completion = required(tokensAt(usage, 'completion_tokens'))
  const reasoning = optional(tokensAt(usage, 'completion_tokens_details', 'reasoning_tokens'))
  const total = tokensAt(usage, 'total_tokens') ?? (reasoning === 0 ? prompt + completion : Number.NaN)
  const answer = answerOf({ prompt, completion, reasoning, total })
  if (answer === null) return null
  const cacheRead = optional(tokensAt(usage, 'prompt_tokens_details', 'cached_tokens'))
  return disjoint({ prompt, cacheRead, cacheWrite: 0, answer, reasoning })
}
