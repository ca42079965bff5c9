interface StatedAnswer {
  readonly prompt: number
  readonly completion: number
  readonly reasoning: number
  readonly total: number
}

/**
 * Tokens of an answer with its reasoning. Servers that speak OpenAI's chat protocol disagree whether
 * `completion_tokens` includes `reasoning_tokens`; their `total_tokens` tells.
 * @returns null where neither reading makes the total
 */
export function answerOf({ prompt, completion, reasoning, total }: StatedAnswer): number | null {
  const answer = total - prompt
  return answer === completion || answer === completion + reasoning ? answer : null
}
