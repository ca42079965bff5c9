import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type LlmRequest, ProviderError } from '../../src/agents/llm-provider.ts'
import { createOpenAICompatibleProvider } from '../../src/agents/openai-compatible-provider.ts'
import { type ChatServer, startChatServer } from '../support/chat-server.ts'

const KEY = 'sk-of-the-tests'

let server: ChatServer
beforeAll(async () => {
  server = await startChatServer()
})
afterAll(() => server.close())

const never = new AbortController().signal
const generate = ({ baseUrl = server.url, signal = never, maxOutputTokens = 77 } = {}) => {
  const messages: LlmRequest['messages'] = [{ role: 'user', text: 'When does the ferry leave?' }]
  const provider = createOpenAICompatibleProvider({ baseUrl, apiKey: KEY, model: 'm-1' })
  return provider.generate({ system: 'Answer.', messages, tools: [], maxOutputTokens, signal })
}

/** What a call rejects with, which must be ours, and tells nothing that is secret. */
async function failure(call: Promise<unknown>): Promise<ProviderError> {
  const outcome = await call.catch((error: unknown) => error)
  expect(outcome).toBeInstanceOf(ProviderError)
  const error = outcome as ProviderError
  const shown = `${error.stack} ${JSON.stringify(error)} ${String(error.cause ?? '')}`
  expect(shown).not.toContain(KEY)
  expect(shown).not.toContain(new URL(server.url).host)
  expect(error.message.length).toBeLessThan(500)
  return error
}

// status | retryable | what to do
test.each<[number, boolean, RegExp]>([
  [301, false, /^LLM_BASE_URL leads to another address \(301\)/],
  [400, false, /refused the request \(400\): no such thing; check what LLM_MODEL takes/],
  [401, false, /^LLM_API_KEY was refused \(401\); set the key/],
  [402, false, /^The account behind LLM_API_KEY cannot pay \(402\): no such thing; top it up/],
  [403, false, /^LLM_API_KEY may not use LLM_MODEL \(403\): no such thing/],
  [404, false, /^LLM_MODEL is unknown there.*\(404\): no such thing/],
  [413, false, /refused the request \(413\)/],
  [422, false, /refused the request \(422\)/],
  [408, true, /no answer now \(408\): no such thing; try again later$/],
  [409, true, /no answer now \(409\)/],
  [429, true, /no answer now \(429\)/],
  [500, true, /no answer now \(500\)/],
  [503, true, /no answer now \(503\)/],
  [529, true, /no answer now \(529\)/],
])('status %i is repeated: %s, and the sentence says what to do', async (status, retryable, sentence) => {
  server.become({ status, body: { error: { message: 'no such thing', type: 'x' } } })
  const error = await failure(generate())
  expect(error).toMatchObject({ code: 'provider-error', retryable, partial: undefined })
  expect(error.message).toMatch(sentence)
  expect(server.requests).toHaveLength(1)
})

test.each<[string, unknown, string]>([
  ['error', { error: 'model is loading' }, ': model is loading;'],
  ['message', { message: 'model is loading' }, ': model is loading;'],
  ['detail', { detail: 'model is loading' }, ': model is loading;'],
  ['plain text', 'model is loading', ': model is loading;'],
  ['a list that is too long', ['x'.repeat(70_000)], 'now (503);'],
  ['a page', '<html><h1>Bad gateway</h1></html>', 'now (503);'],
  ['an empty body', '', 'now (503);'],
  ['something else', { error: { message: 7 } }, 'now (503);'],
])('the server’s own words are found as %s', async (_, body, words) => {
  server.become({ status: 503, body })
  expect((await failure(generate())).message).toContain(words)
})

test('the server’s words are one short line without the key or the address, whatever it repeats', async () => {
  const said = `line\r\none\u001b[31m \u202ekey ${KEY} at ${server.url} ${'x'.repeat(50_000)}`
  server.become({ status: 400, body: { error: { message: said } } })
  const { message } = await failure(generate())
  expect(message).toContain(': line one [31m key … at ')
  expect(message).not.toMatch(/[\p{Cc}\p{Cf}]/u)
  server.become({ status: 500, body: `${'y'.repeat(290)}${KEY}` })
  expect((await failure(generate())).message).not.toContain('sk-of')
  server.become({ status: 401, body: { error: { message: `Incorrect API key provided: ${KEY.slice(0, 9)}***` } } })
  expect((await failure(generate())).message).not.toContain(KEY.slice(0, 9))
})

test('a redirect takes neither the key nor the text elsewhere', async () => {
  const other = await startChatServer()
  try {
    server.become({ status: 307, headers: { location: `${other.url}/chat/completions` } })
    other.become({ text: 'Nine.' })
    expect(await failure(generate())).toMatchObject({ retryable: false, partial: undefined })
    expect(other.requests).toEqual([])
  } finally {
    await other.close()
  }
})

test('a server that is not there was not reached; one that hangs up was', async () => {
  const gone = await startChatServer()
  await gone.close()
  const refused = await failure(generate({ baseUrl: gone.url }))
  expect(refused).toMatchObject({ retryable: true, partial: undefined })
  expect(refused.message).toMatch(/^The model's server cannot be reached \(ECONNREFUSED\).*LLM_BASE_URL$/)
  expect(refused.message).not.toContain(new URL(gone.url).port)
  server.become('reset')
  const hungUp = await failure(generate())
  expect(hungUp).toMatchObject({ retryable: true, partial: '' })
  expect(server.requests).toHaveLength(1)
})

test('an answer that is cut says what had been answered, thoughts too', async () => {
  server.become({ reasoning: 'A time. ', text: 'The ferry leaves at nine.', cutAfter: 9 })
  const error = await failure(generate())
  expect(error).toMatchObject({ retryable: true, partial: 'A time. The ferry' })
  expect(error.message).toMatch(/^The model's answer was cut off before its end/)
  expect(server.requests).toHaveLength(1)
  server.become({ text: 'The ferry leaves at nine.', cutAfter: 0 })
  expect(await failure(generate())).toMatchObject({ retryable: true, partial: '' })
})

test('an answer that ends in order but too early was cut, too', async () => {
  const delta = { content: 'The ferry' }
  server.become({ events: [{ choices: [{ index: 0, delta, finish_reason: null }] }, '[DONE]'] }, { events: [] })
  expect(await failure(generate())).toMatchObject({ retryable: true, partial: 'The ferry' })
  expect(await failure(generate())).toMatchObject({ retryable: true, partial: '' })
})

test('a cut behind the end of an answer costs its usage only; behind tool calls it costs the answer', async () => {
  const usage = { prompt_tokens: 9, completion_tokens: 3 }
  server.become({ text: 'Nine.', usage, cutBeforeUsage: true })
  await expect(generate()).resolves.toEqual({ text: 'Nine.', toolCalls: [], usage: null })
  server.become({ tools: [{ id: 'c', name: 'dice', arguments: '{}' }], usage, cutBeforeUsage: true })
  expect(await failure(generate())).toMatchObject({ retryable: true, partial: 'dice{}' })
})

test('a server that does not stream says so, instead of an empty answer', async () => {
  const message = { role: 'assistant', content: 'Nine.' }
  server.become({ status: 200, body: { choices: [{ index: 0, message, finish_reason: 'stop' }] } })
  const whole = await failure(generate())
  expect(whole).toMatchObject({ retryable: false, partial: '' })
  expect(whole.message).toMatch(/answered with application\/json where a stream of events was asked for; LLM_BASE_URL/)
  server.become({ status: 200, body: '<html>', headers: { 'content-type': 'text/html; charset=utf-8' } })
  expect((await failure(generate())).message).toContain('text/html')
  server.become({ status: 200, body: { error: { message: 'overloaded', code: 503 } } })
  const told = await failure(generate())
  expect(told).toMatchObject({ retryable: true, partial: '' })
  expect(told.message).toBe("The model's server broke off with an error: overloaded; try again later")
})

// an event of the stream | retryable | the words that are found in it
test.each<[unknown, boolean, string]>([
  [{ error: { message: 'overloaded', type: 'server_error', code: null } }, true, ': overloaded;'],
  [{ error: { message: 'slow down', code: 429 } }, true, ': slow down;'],
  [{ error: { message: 'too long', code: 'context_length_exceeded' } }, false, ': too long;'],
  [{ error: { message: 'no such field', type: 'BadRequestError', code: 400 } }, false, ': no such field;'],
  [
    { error: { message: 'upstream is gone', code: 502 }, choices: [{ index: 0, delta: {}, finish_reason: 'error' }] },
    true,
    ': upstream is gone;',
  ],
  [{ error: 'something broke' }, true, ': something broke;'],
  [{ message: 'not of this protocol' }, true, "OpenAI's chat protocol: not of this protocol;"],
  ['{"choices":[', true, "OpenAI's chat protocol;"],
  [{ choices: [{ index: 0, delta: { content: 7 }, finish_reason: 'stop' }] }, true, "OpenAI's chat protocol;"],
])('an error inside the stream is told, with what had been answered: %j', async (event, retryable, words) => {
  const delta = { content: 'The ferry' }
  server.become({ events: [{ choices: [{ index: 0, delta, finish_reason: null }] }, event, '[DONE]'] })
  const error = await failure(generate())
  expect(error).toMatchObject({ retryable, partial: 'The ferry' })
  expect(error.message).toContain(words)
})

test('an abort ends the request on the wire at once, and says what was used until then', async () => {
  const reason = new Error('the job was cancelled')
  const hangs = [
    ['hang', ''],
    [{ text: 'The ferry leaves at nine.', hangAfter: 9 }, 'The ferry'],
  ] as const
  for (const [reply, partial] of hangs) {
    const stop = new AbortController()
    server.become(reply)
    const call = failure(generate({ signal: stop.signal }))
    const request = await server.asked(1)
    // The pieces that were sent have to arrive before they can be reported.
    await new Promise((resolve) => setTimeout(resolve, 100))
    stop.abort(reason)
    expect(await call).toMatchObject({ retryable: true, partial, cause: reason })
    expect(await request.over).toBe('hung up')
    expect(server.requests).toHaveLength(1)
  }
})

test('after an abort nothing goes over the wire, and the reason is told as it is', async () => {
  server.become({ text: 'Nine.' })
  const reason = new Error('the job was cancelled')
  await expect(generate({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  expect(server.requests).toEqual([])
})

test('an answer that knows no end is ended, with its connection', async () => {
  server.become({ text: 'na '.repeat(100_000) })
  const error = await failure(generate({ maxOutputTokens: 300 }))
  expect(error).toMatchObject({ retryable: false })
  expect(error.message).toMatch(/beyond 76800 characters.*max_tokens$/)
  expect(error.partial?.length).toBeGreaterThan(76_800)
  expect(await server.requests[0]?.over).toBe('hung up')
})

test('a customer’s words do not stand in the log', async () => {
  server.become({ text: 'The ferry leaves at nine.', cutAfter: 9 })
  const error = await failure(generate())
  expect(error.partial).toBe('The ferry')
  const lines: string[] = []
  pino({}, { write: (line) => lines.push(line) }).warn({ err: error }, 'a stage did not come to its end')
  expect(lines.join()).toContain('cut off')
  expect(lines.join()).not.toContain('ferry')
})

test('a stream without an end of line is left after so many bytes, and is not asked for again', async () => {
  server.become({ endlessBytes: 64 * 1_048_576 })
  const error = await failure(generate())
  expect(error).toMatchObject({ retryable: false, partial: '' })
  expect(error.message).toMatch(/goes on beyond 4825088 bytes/) // 4 MiB, and 8 KiB for each of 77 tokens
  await expect(server.requests[0]?.over).resolves.toBe('hung up')
})

test('a key in the address is no more told than the other', async () => {
  const secret = 'key+of/the address'
  server.become({ status: 400, body: { error: { message: `no ${secret} or ${encodeURIComponent(secret)} here` } } })
  const error = await failure(generate({ baseUrl: `${server.url}?api-key=${encodeURIComponent(secret)}` }))
  expect(error.message).toContain('no … or … here')
})
