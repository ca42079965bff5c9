import { InvalidResponseDataError, type LanguageModelV4StreamPart } from '@ai-sdk/provider'
import { isRecord } from '../foundation/record.ts'
import type { ChatFailures } from './chat-failures.ts'
import type { LlmAnswer, ToolCall } from './llm-provider.ts'

/** No vocabulary has longer tokens; an answer beyond that many for each token that was asked for heeds no limit. */
const TOKEN_CHARACTERS_MAX = 256
const ANSWER_CHARACTERS_MIN = 65_536

/** The first choice of a chunk of OpenAI's chat protocol; the usage stands in one without. */
function choiceOf(chunk: unknown): Readonly<Record<string, unknown>> | null {
  const [choice] = isRecord(chunk) && Array.isArray(chunk.choices) ? chunk.choices : []
  return isRecord(choice) ? choice : null
}

/**
 * Gathers an answer from the parts of its stream. What must be exact is read from the chunks as they came over the wire:
 * the usage (the library's own is 0 where none was given) and whether the answer came to its end.
 */
export class StreamedAnswer {
  readonly #failures: ChatFailures
  readonly #charactersMax: number
  readonly #toolCalls: ToolCall[] = []
  #chunk: unknown = null
  #usage: unknown = null
  #text = ''
  #said = ''
  #ended = false
  #asksForTools = false

  constructor(failures: ChatFailures, maxOutputTokens: number) {
    this.#failures = failures
    this.#charactersMax = Math.max(ANSWER_CHARACTERS_MIN, maxOutputTokens * TOKEN_CHARACTERS_MAX)
  }

  /** All that the model has said so far, thoughts and tool calls too: somebody pays for it. */
  get said(): string {
    return this.#said
  }

  /** @throws ProviderError with what was said so far */
  take(part: LanguageModelV4StreamPart): void {
    switch (part.type) {
      case 'raw':
        this.#note(part.rawValue)
        break
      case 'text-delta':
        this.#text += part.delta
        this.#say(part.delta)
        break
      case 'tool-input-start':
        this.#asksForTools = true
        this.#say(part.toolName)
        break
      case 'reasoning-delta':
      case 'tool-input-delta':
        this.#say(part.delta)
        break
      case 'tool-call':
        this.#toolCalls.push({ id: part.toolCallId, name: part.toolName, input: part.input })
        break
      case 'error':
        this.#judge(part.error)
    }
  }

  /** @throws ProviderError for an answer that did not come to its end */
  whole(): LlmAnswer {
    if (!this.#ended) throw this.#failures.cut(this.#said)
    return { text: this.#text, toolCalls: this.#toolCalls, usage: this.#usage }
  }

  /**
   * What there is of an answer whose connection broke: all of it, where the model had said that it was done and only the
   * usage was due. Tool calls are whole with the end of the stream only.
   * @throws ProviderError
   */
  despite(error: unknown): LlmAnswer {
    if (!this.#ended || this.#asksForTools) throw this.#failures.cut(this.#said, error)
    return this.whole()
  }

  #note(chunk: unknown): void {
    this.#chunk = chunk
    if (!isRecord(chunk)) return
    // Some servers report with every chunk, and the last one counts; OpenAI says null until then.
    this.#usage = chunk.usage ?? this.#usage
    const reason = choiceOf(chunk)?.finish_reason
    if (typeof reason === 'string' && reason !== '') this.#ended = true
  }

  #say(delta: string): void {
    this.#said += delta
    if (this.#said.length > this.#charactersMax)
      throw this.#failures.tooLong(this.#said, `${this.#charactersMax} characters`)
  }

  /** A chunk was an error, or could not be read. */
  #judge(error: unknown): void {
    if (!(error instanceof Error)) throw this.#failures.told(error, this.#said)
    // The library misses the end of the answer; so does whole().
    if (InvalidResponseDataError.isInstance(error)) return
    const chunk = this.#chunk
    if (isRecord(chunk) && chunk.error) throw this.#failures.told(chunk.error, this.#said)
    // Behind the end there is only the usage. One that is nonsense is no usage, and no reason to ask again.
    if (this.#ended && !saysMore(chunk)) return
    throw this.#failures.unreadable(chunk, this.#said)
  }
}

/** Whether a chunk carries a part of the answer, in whatever form. */
function saysMore(chunk: unknown): boolean {
  const delta = choiceOf(chunk)?.delta
  if (!isRecord(delta)) return false
  const { content, refusal, tool_calls: toolCalls } = delta
  return [content, typeof refusal === 'string' && refusal, toolCalls].some(
    (part) => Boolean(part) && !(Array.isArray(part) && part.length === 0),
  )
}
