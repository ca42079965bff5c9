import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'

/** What a client wants to be told, as OpenAI's chat protocol says it. */
export interface ChatBody {
  readonly model: string
  readonly messages: readonly Readonly<Record<string, unknown>>[]
  readonly max_tokens?: number
  readonly stream?: boolean
  readonly stream_options?: { readonly include_usage?: boolean }
  readonly tools?: readonly unknown[]
}

/** A request as it came over the wire. */
export interface ChatRequest {
  readonly method: string | undefined
  readonly path: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: ChatBody
  /** Resolves when the exchange is over: answered to its end, ended by the server's script, or left by the client. */
  readonly over: Promise<'answered' | 'cut' | 'hung up'>
}

interface ToolCallReply {
  readonly id: string
  readonly name: string
  readonly arguments: string
}

/** A streamed answer, and what goes wrong with it. */
export interface StreamedReply {
  readonly text?: string
  readonly reasoning?: string
  readonly tools?: readonly ToolCallReply[]
  /** Default `stop`, or `tool_calls`. */
  readonly finish?: string
  /** Sent as it is, where the request asks for usage; absent: the server reports none. */
  readonly usage?: unknown
  /** The connection is reset after so many characters of the text. */
  readonly cutAfter?: number
  /** Nothing more comes after so many characters of the text. */
  readonly hangAfter?: number
  /** The connection is reset where the usage was due. */
  readonly cutBeforeUsage?: boolean
  /** Between two pieces, milliseconds. */
  readonly dripMs?: number
}

/** What the server does with a request. `events` are sent as they are, a text raw and anything else as JSON. */
export type ChatReply =
  | StreamedReply
  | { readonly status: number; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> }
  | { readonly events: readonly unknown[] }
  /** So many bytes of an event that never ends. */
  | { readonly endlessBytes: number }
  | 'hang'
  | 'reset'

type ChatScript = (request: ChatRequest, asked: number) => ChatReply

/** A server of OpenAI's chat protocol that answers as it is told and remembers what it was asked. */
export interface ChatServer {
  /** What `/chat/completions` is added to. */
  readonly url: string
  readonly requests: readonly ChatRequest[]
  /** Forgets what was asked. Replies in turn, the last one for all that follow; or by request and its number from 1. */
  become(...replies: readonly [ChatReply | ChatScript, ...ChatReply[]]): void
  /** Resolves with the request of that number, from 1, once it has come in. */
  asked(count: number): Promise<ChatRequest>
  close(): Promise<void>
}

export async function startChatServer(): Promise<ChatServer> {
  let requests: ChatRequest[] = []
  let waiting: { count: number; resolve: (request: ChatRequest) => void }[] = []
  let script: ChatScript = () => ({ status: 500, body: 'the test gave this server nothing to say' })
  const server = createServer(async (incoming, response) => {
    const request = await received(incoming, response)
    const asked = requests.push(request)
    for (const { count, resolve } of waiting) if (count === asked) resolve(request)
    await reply(response, request.body, script(request, asked))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the chat server has no port')
  return {
    url: `http://127.0.0.1:${address.port}/v1`,
    get requests() {
      return requests
    },
    become(first, ...rest) {
      requests = []
      waiting = []
      const replies = [first, ...rest]
      script = (request, asked) => {
        const next = replies[Math.min(asked, replies.length) - 1] ?? first
        return typeof next === 'function' ? next(request, asked) : next
      }
    },
    asked(count) {
      const { promise, resolve } = Promise.withResolvers<ChatRequest>()
      const request = requests[count - 1]
      if (request) resolve(request)
      else waiting.push({ count, resolve })
      return promise
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function received(incoming: IncomingMessage, response: ServerResponse): Promise<ChatRequest> {
  const over = new Promise<'answered' | 'cut' | 'hung up'>((resolve) => {
    response.once('close', () => {
      if (response.writableFinished) resolve('answered')
      else resolve(CUT.has(response) ? 'cut' : 'hung up')
    })
  })
  const body = (await json(incoming)) as ChatBody
  return { method: incoming.method, path: incoming.url, headers: incoming.headers, body, over }
}

/** Connections that a script ended. */
const CUT = new WeakSet<ServerResponse>()

function cut(response: ServerResponse): void {
  CUT.add(response)
  response.destroy()
}

async function reply(response: ServerResponse, asked: ChatBody, given: ChatReply): Promise<void> {
  if (given === 'hang') return
  if (given === 'reset') return cut(response)
  if ('status' in given) {
    const whole = typeof given.body === 'string' ? given.body : JSON.stringify(given.body ?? {})
    response.writeHead(given.status, { 'content-type': 'application/json', ...given.headers }).end(whole)
    return
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  if ('endlessBytes' in given) {
    const line = Buffer.alloc(65_536, 'a')
    response.write('data: {"text":"')
    for (let sent = 0; sent < given.endlessBytes && !response.destroyed; sent += line.length) {
      await new Promise((resolve) => response.write(line, resolve))
    }
    return
  }
  if ('events' in given) {
    for (const event of given.events) await send(response, event)
    response.end()
    return
  }
  await stream(response, asked, given)
}

async function stream(response: ServerResponse, asked: ChatBody, given: StreamedReply): Promise<void> {
  const chunk = (delta: object, finish: string | null = null, more: object = {}) => {
    const choices = [{ index: 0, delta, finish_reason: finish }]
    return send(response, {
      id: 'c-1',
      object: 'chat.completion.chunk',
      created: 1,
      model: asked.model,
      choices,
      ...more,
    })
  }
  const { text = '', reasoning = '', tools = [], dripMs = 0 } = given
  await chunk({ role: 'assistant', content: '' })
  for (const piece of pieces(reasoning)) await chunk({ reasoning_content: piece })
  for (const piece of pieces(text.slice(0, given.cutAfter ?? given.hangAfter))) {
    await chunk({ content: piece })
    if (dripMs > 0) await sleep(dripMs)
  }
  if (given.cutAfter !== undefined) return cut(response)
  if (given.hangAfter !== undefined) return
  for (const [index, { id, name, arguments: input }] of tools.entries()) {
    await chunk({ tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] })
    for (const piece of pieces(input)) await chunk({ tool_calls: [{ index, function: { arguments: piece } }] })
  }
  await chunk({}, given.finish ?? (tools.length > 0 ? 'tool_calls' : 'stop'))
  if (given.cutBeforeUsage) return cut(response)
  if (given.usage !== undefined && asked.stream_options?.include_usage === true) {
    await send(response, { id: 'c-1', object: 'chat.completion.chunk', created: 1, choices: [], usage: given.usage })
  }
  await send(response, '[DONE]')
  response.end()
}

/** Resolves when the system has the bytes, so that a cut behind it loses none. */
function send(response: ServerResponse, event: unknown): Promise<void> {
  if (response.destroyed) return Promise.resolve()
  const data = typeof event === 'string' ? event : JSON.stringify(event)
  return new Promise((resolve) => response.write(`data: ${data}\n\n`, () => resolve()))
}

const pieces = (text: string): readonly string[] => text.match(/.{1,5}/gsu) ?? []
