import { ProviderError } from './llm-provider.ts'

/** What a provider says about a failure is shown up to here; characters. */
const WORDS_MAX = 300
/** Shorter ones are placeholders for servers that want no key, and would only blot out other words. */
const SECRET_MIN = 4
/** Controls, invisible marks and line ends, which could forge lines of a log or hide words. */
const UNSEEN = /[\s\p{Cc}\p{Cf}]+/gu
/** Kinds of error that no repetition mends, as OpenAI, vLLM and OpenRouter name them inside a stream. */
const HOPELESS = /invalid|bad.?request|not.?found|auth|permission|context.?length|unsupported|policy|filter/i

/** Codes of connections that ended behind the request: somebody may have worked on it. */
const SENT = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'])

interface Refusal {
  readonly what: string
  readonly next: string
}
const REFUSED: Refusal = {
  what: "The model's server refused the request",
  next: 'check what LLM_MODEL takes: its context, MAX_OUTPUT_TOKENS, tools',
}
const REFUSALS: Readonly<Record<number, Refusal>> = {
  402: { what: 'The account behind LLM_API_KEY cannot pay', next: "top it up at the model's provider" },
  403: { what: 'LLM_API_KEY may not use LLM_MODEL', next: "get access at the model's provider, or set another model" },
  404: {
    what: 'LLM_MODEL is unknown there, or LLM_BASE_URL is not the address of its API',
    next: 'set the address to which /chat/completions is added',
  },
}

const isRetryable = (status: number): boolean => [408, 409, 429].includes(status) || status >= 500
const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

/**
 * Every way in which a model's server gives no answer, as the error that says what to do. Neither the key nor the address
 * stands in one: job failures and logs show it.
 */
export class ChatFailures {
  readonly #secrets: readonly string[]

  /** @param secrets never shown, wherever a server repeats them */
  constructor(secrets: readonly string[]) {
    this.#secrets = secrets.filter((secret) => secret.length >= SECRET_MIN)
  }

  /** An answer with another status than success: the model was not asked. */
  refused(status: number, body: string): ProviderError {
    if (status < 400) {
      const sentence = `LLM_BASE_URL leads to another address (${status}), which the key is not sent to`
      return new ProviderError(`${sentence}; set the address that answers itself`, false)
    }
    // What a server says of a wrong key often repeats half of it.
    if (status === 401) {
      return new ProviderError('LLM_API_KEY was refused (401); set the key that this server has given out', false)
    }
    const said = this.#after(parsed(body))
    if (isRetryable(status)) {
      return new ProviderError(`The model's server has no answer now (${status})${said}; try again later`, true)
    }
    const { what, next } = REFUSALS[status] ?? REFUSED
    return new ProviderError(`${what} (${status})${said}; ${next}`, false)
  }

  /** An error object where a part of the answer was due. */
  told(error: unknown, partial: string): ProviderError {
    const retryable = mayPass(error)
    const next = retryable ? 'try again later' : 'check what LLM_MODEL takes'
    const sentence = `The model's server broke off with an error${this.#after(error)}`
    return new ProviderError(`${sentence}; ${next}`, retryable, { partial })
  }

  /** A whole body that is no stream. */
  notStreamed(type: string, body: string): ProviderError {
    const said = parsed(body)
    if (isRecord(said) && said.error) return this.told(said.error, '')
    const sentence = `The model's server answered with ${this.#shown(type)} where a stream of events was asked for`
    const next = "LLM_BASE_URL must be an API of OpenAI's chat protocol that streams"
    return new ProviderError(`${sentence}; ${next}`, false, { partial: '' })
  }

  /** No answer at all. */
  unanswered(error: unknown): ProviderError {
    const code = connectionCode(error)
    const sent = code !== undefined && SENT.has(code)
    const sentence = sent ? "The model's server hung up without an answer" : "The model's server cannot be reached"
    return new ProviderError(`${sentence}${code ? ` (${code})` : ''}; see whether it runs, and LLM_BASE_URL`, true, {
      ...(sent && { partial: '' }),
    })
  }

  cut(partial: string, error?: unknown): ProviderError {
    const code = connectionCode(error)
    const sentence = `The model's answer was cut off before its end${code ? ` (${code})` : ''}`
    return new ProviderError(`${sentence}; try again later`, true, { partial })
  }

  unreadable(chunk: unknown, partial: string): ProviderError {
    const sentence = `The model's server sent something that is not of OpenAI's chat protocol${this.#after(chunk)}`
    return new ProviderError(`${sentence}; see whether LLM_BASE_URL is the right address`, true, { partial })
  }

  /** @param length that was passed, such as `65536 characters` */
  tooLong(partial: string, length: string): ProviderError {
    const sentence = `The model's answer goes on beyond ${length}, more than any answer to the request has`
    return new ProviderError(`${sentence}; its server must heed max_tokens`, false, { partial })
  }

  #after(said: unknown): string {
    const words = this.#shown(wordsIn(said))
    return words === '' ? '' : `: ${words}`
  }

  #shown(text: string): string {
    let words = text.replace(UNSEEN, ' ').trim()
    for (const secret of this.#secrets) words = words.replaceAll(secret, '…')
    return words.length <= WORDS_MAX ? words : `${words.slice(0, WORDS_MAX - 1).toWellFormed()}…`
  }
}

/** JSON, or a sentence; a page, or JSON that is broken or was cut, says nothing. */
function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return /^\s*[<{[]/.test(body) ? '' : body
  }
}

/** The sentence in an error object, wherever servers put it: `error.message`, `error`, `message` or `detail`. */
function wordsIn(said: unknown): string {
  if (typeof said === 'string') return said
  if (!isRecord(said)) return ''
  for (const inner of [said.error, said.message, said.detail]) {
    const words = wordsIn(inner)
    if (words !== '') return words
  }
  return ''
}

/** By the status that some servers give as code, else by the kind's name; what has neither may pass. */
function mayPass(error: unknown): boolean {
  if (!isRecord(error)) return true
  const status = Number(error.code)
  if (Number.isInteger(status) && status >= 400 && status < 600) return isRetryable(status)
  return !HOPELESS.test(`${error.type} ${error.code}`)
}

/** The system's or the client's name for what happened to a connection; it names no address. */
function connectionCode(error: unknown): string | undefined {
  let current = error
  for (let depth = 0; depth < 8 && current instanceof Error; depth++) {
    if ('code' in current && typeof current.code === 'string' && /^[A-Z_]+$/.test(current.code)) return current.code
    current = current.cause
  }
  return undefined
}
