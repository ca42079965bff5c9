import type { Agent } from './agent.ts'
import { promptText } from './llm-provider.ts'

/** An agent that asks the model once: its instruction, and the customer's text as it is. */
export function singleCallAgent(key: string, system: string): Agent {
  return {
    key,
    bounds: async (text, { model, maxOutputTokens, countPrompt }) => ({
      model,
      calls: 1,
      promptTokens: await countPrompt(promptText({ system, messages: [{ role: 'user', text }] })),
      maxOutputTokens,
    }),
    run: (text, { llm }) => llm.generate({ system, prompt: text }),
  }
}
