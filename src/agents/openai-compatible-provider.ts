import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import type { LanguageModelV4FunctionTool, LanguageModelV4Message, LanguageModelV4Prompt } from '@ai-sdk/provider'
import { chatConnection } from './chat-connection.ts'
import { ChatFailures } from './chat-failures.ts'
import { type LlmAnswer, type LlmMessage, type LlmProvider, type LlmRequest, ProviderError } from './llm-provider.ts'
import { StreamedAnswer } from './streamed-answer.ts'

interface ChatServer {
  /** What `/chat/completions` is added to; its query goes with every request. */
  readonly baseUrl: string
  /** Sent as `Authorization: Bearer`, to this server only. */
  readonly apiKey: string
  readonly model: string
}

/** A chunk of one token is some 300 bytes; a server may tell much beside, and more at the beginning and the end. */
const TOKEN_BYTES_MAX = 8_192
const STREAM_BYTES_MIN = 4_194_304

/**
 * Any server that speaks OpenAI's chat protocol. A call is one streamed request that asks for the usage; nothing is
 * retried here, because a repeated call would vanish from the receipt: that is the queue's work. Settings come from
 * the configuration alone, never from a job or from variables of other tools.
 */
export function createOpenAICompatibleProvider({ baseUrl, apiKey, model }: ChatServer): LlmProvider {
  const url = new URL(baseUrl)
  // Some servers take their key in the address.
  const inAddress = [...url.searchParams.values()].flatMap((value) => [value, encodeURIComponent(value)])
  const failures = new ChatFailures([apiKey, baseUrl, url.host, ...inAddress])
  const chatOver = (connection: typeof fetch) =>
    createOpenAICompatible({
      name: 'chat',
      baseURL: `${url.origin}${url.pathname}`,
      ...(url.search !== '' && { queryParams: Object.fromEntries(url.searchParams) }),
      apiKey,
      includeUsage: true,
      fetch: connection,
    }).chatModel(model)
  return {
    model,
    usageShape: 'openai-compatible',
    usesCanonicalTokenizer: false,
    async generate(request) {
      const { maxOutputTokens, signal } = request
      signal.throwIfAborted()
      const answer = new StreamedAnswer(failures, maxOutputTokens)
      const bytesMax = STREAM_BYTES_MIN + maxOutputTokens * TOKEN_BYTES_MAX
      let endless: ProviderError | undefined
      const limit = { bytesMax, endless: () => (endless ??= failures.tooLong(answer.said, `${bytesMax} bytes`)) }
      try {
        const { stream } = await chatOver(chatConnection(failures, limit)).doStream({
          prompt: toPrompt(request),
          ...(request.tools.length > 0 && { tools: toTools(request) }),
          maxOutputTokens,
          includeRawChunks: true,
          abortSignal: signal,
        })
        for await (const part of stream) answer.take(part)
        return answer.whole()
      } catch (error) {
        return brokenOff(endless ?? error, answer, signal)
      }
    },
  }
}

/** @throws ProviderError unless the answer was whole before */
function brokenOff(error: unknown, answer: StreamedAnswer, signal: AbortSignal): LlmAnswer {
  if (error instanceof ProviderError) throw error
  if (signal.aborted) {
    const options = { partial: answer.said, cause: signal.reason }
    throw new ProviderError('The call was ended before its answer was', true, options)
  }
  return answer.despite(error)
}

function toPrompt({ system, messages }: LlmRequest): LanguageModelV4Prompt {
  const instructions: LanguageModelV4Prompt = system === '' ? [] : [{ role: 'system', content: system }]
  return [...instructions, ...messages.map(toMessage)]
}

function toMessage(message: LlmMessage): LanguageModelV4Message {
  switch (message.role) {
    case 'user':
      return { role: 'user', content: [{ type: 'text', text: message.text }] }
    case 'assistant': {
      const calls = message.toolCalls.map(({ id, name, input }) => ({
        type: 'tool-call' as const,
        toolCallId: id,
        toolName: name,
        // A call without arguments; servers refuse an empty text where JSON is due.
        input: input === '' ? '{}' : input,
      }))
      return { role: 'assistant', content: [{ type: 'text', text: message.text }, ...calls] }
    }
    case 'tool': {
      const { callId, name, text } = message
      const output = { type: 'text' as const, value: text }
      return { role: 'tool', content: [{ type: 'tool-result', toolCallId: callId, toolName: name, output }] }
    }
  }
}

function toTools({ tools }: LlmRequest): LanguageModelV4FunctionTool[] {
  return tools.map(({ name, description, parameters: inputSchema }) => {
    return { type: 'function', name, description, inputSchema }
  })
}
