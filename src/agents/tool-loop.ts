import type { Tool } from './agent.ts'
import type { LlmAnswer, LlmMessage, LlmRequest, ToolCall } from './llm-provider.ts'
import { ProviderError } from './llm-provider.ts'

/** Rounds that one question may take: a model that asks for tools for ever must end, even if somebody pays for it. */
const ROUNDS_MAX = 32

interface Question {
  readonly system: string
  readonly prompt: string
  readonly tools?: readonly Tool[]
}

/**
 * Asks until the model answers in words: tools that it wants are run, in its order, and their answers go back to it. Each
 * round is one call, with all that was said before.
 * @throws ProviderError after 32 rounds
 */
export async function generateWithTools(
  { system, prompt, tools = [] }: Question,
  call: (request: Pick<LlmRequest, 'system' | 'messages' | 'tools'>) => Promise<LlmAnswer>,
  signal: AbortSignal,
): Promise<{ text: string }> {
  const specs = tools.map(({ name, description, parameters }) => ({ name, description, parameters }))
  const messages: LlmMessage[] = [{ role: 'user', text: prompt }]
  for (let round = 1; round <= ROUNDS_MAX; round++) {
    const { text, toolCalls } = await call({ system, messages: [...messages], tools: specs })
    if (toolCalls.length === 0 || tools.length === 0) return { text }
    messages.push({ role: 'assistant', text, toolCalls })
    for (const wanted of toolCalls) {
      signal.throwIfAborted()
      messages.push({ role: 'tool', callId: wanted.id, name: wanted.name, text: await answerOf(tools, wanted, signal) })
    }
  }
  throw new ProviderError(`The model asked for tools ${ROUNDS_MAX} times without an answer`, false)
}

/** A tool that fails says so to the model, which may go another way. */
async function answerOf(tools: readonly Tool[], { name, input }: ToolCall, signal: AbortSignal): Promise<string> {
  const tool = tools.find((candidate) => candidate.name === name)
  if (!tool) return `There is no tool ${JSON.stringify(name)}.`
  try {
    return await tool.run(JSON.parse(input === '' ? '{}' : input), signal)
  } catch (error) {
    signal.throwIfAborted()
    return `The tool failed: ${error instanceof Error ? error.message : String(error)}`
  }
}
