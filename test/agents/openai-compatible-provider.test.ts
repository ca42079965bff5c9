import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import type { LlmRequest } from '../../src/agents/llm-provider.ts'
import { createOpenAICompatibleProvider } from '../../src/agents/openai-compatible-provider.ts'
import { type ChatServer, startChatServer } from '../support/chat-server.ts'

const KEY = 'sk-of-the-tests'
const USAGE = { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 }

let server: ChatServer
beforeAll(async () => {
  server = await startChatServer()
})
beforeEach(() => server.become({ text: 'The ferry leaves at nine.', usage: USAGE }))
afterAll(() => server.close())

const provider = (baseUrl = server.url) => createOpenAICompatibleProvider({ baseUrl, apiKey: KEY, model: 'm-1' })
const asking = (more: Partial<LlmRequest> = {}): LlmRequest => ({
  system: 'Answer.',
  messages: [{ role: 'user', text: 'When does the ferry leave?' }],
  tools: [],
  maxOutputTokens: 77,
  signal: new AbortController().signal,
  ...more,
})

test('a call is one streamed request for exactly what was asked, with its usage', async () => {
  const answer = await provider().generate(asking())
  expect(answer).toEqual({ text: 'The ferry leaves at nine.', toolCalls: [], usage: USAGE })
  const [request] = server.requests
  expect(server.requests).toHaveLength(1)
  expect(request).toMatchObject({ method: 'POST', path: '/v1/chat/completions' })
  expect(request?.headers).toMatchObject({ authorization: `Bearer ${KEY}`, 'content-type': 'application/json' })
  expect(request?.body).toEqual({
    model: 'm-1',
    messages: [
      { role: 'system', content: 'Answer.' },
      { role: 'user', content: 'When does the ferry leave?' },
    ],
    max_tokens: 77,
    stream: true,
    stream_options: { include_usage: true },
  })
  expect(await request?.over).toBe('answered')
})

test('it says what it is: usage in the words of such servers, prompts bounded by their bytes', () => {
  expect(provider()).toMatchObject({ model: 'm-1', usageShape: 'openai-compatible', usesCanonicalTokenizer: false })
})

test('a query of the address goes with every request, and a slash at its end does no harm', async () => {
  await provider(`${server.url}/?api-version=7`).generate(asking())
  expect(server.requests[0]?.path).toBe('/v1/chat/completions?api-version=7')
})

test('variables that other tools read change nothing', async () => {
  vi.stubEnv('OPENAI_API_KEY', 'sk-of-somebody-else').stubEnv('OPENAI_BASE_URL', 'http://127.0.0.1:1/v1')
  vi.stubEnv('OPENAI_ORGANIZATION', 'org-x').stubEnv('OPENAI_PROJECT', 'project-x')
  try {
    await expect(provider().generate(asking())).resolves.toMatchObject({ usage: USAGE })
  } finally {
    vi.unstubAllEnvs()
  }
  const sent = JSON.stringify([server.requests[0]?.headers, server.requests[0]?.body])
  expect(sent).toContain(KEY)
  expect(sent).not.toMatch(/somebody-else|org-x|project-x/)
})

test('tools go out as functions, and what the model wants of them comes back', async () => {
  const wanted = [
    { id: 'call-1', name: 'dice', arguments: '{"sides":6}' },
    { id: 'call-2', name: 'dice', arguments: '' },
  ]
  server.become({ text: 'Rolling.', tools: wanted, usage: USAGE })
  const parameters = { type: 'object', properties: { sides: { type: 'integer' } } }
  const answer = await provider().generate(asking({ tools: [{ name: 'dice', description: 'Rolls.', parameters }] }))
  expect(answer).toEqual({
    text: 'Rolling.',
    toolCalls: wanted.map(({ id, name, arguments: input }) => ({ id, name, input })),
    usage: USAGE,
  })
  expect(server.requests[0]?.body.tools).toEqual([
    { type: 'function', function: { name: 'dice', description: 'Rolls.', parameters } },
  ])
})

test('what tools answered goes back behind the calls that asked for it', async () => {
  const toolCalls = [
    { id: 'call-1', name: 'dice', input: '{"sides":6}' },
    { id: 'call-2', name: 'dice', input: '' },
  ]
  await provider().generate(
    asking({
      messages: [
        { role: 'user', text: 'Roll.' },
        { role: 'assistant', text: '', toolCalls },
        { role: 'tool', callId: 'call-1', name: 'dice', text: 'four' },
        { role: 'tool', callId: 'call-2', name: 'dice', text: 'one' },
      ],
    }),
  )
  const call = (id: string, input: string) => ({ id, type: 'function', function: { name: 'dice', arguments: input } })
  expect(server.requests[0]?.body.messages.slice(1)).toEqual([
    { role: 'user', content: 'Roll.' },
    { role: 'assistant', content: null, tool_calls: [call('call-1', '{"sides":6}'), call('call-2', '{}')] },
    { role: 'tool', tool_call_id: 'call-1', content: 'four' },
    { role: 'tool', tool_call_id: 'call-2', content: 'one' },
  ])
})

test('thoughts are no part of the answer', async () => {
  server.become({ reasoning: 'They ask for a time.', text: 'Nine.', usage: USAGE })
  await expect(provider().generate(asking())).resolves.toMatchObject({ text: 'Nine.' })
})

// finish reason | text
test.each([
  ['length', 'The ferry leaves at'],
  ['content_filter', 'The ferry'],
  ['content_filter', ''],
  ['stop', ''],
])('an answer that ends by %s with %j is an answer', async (finish, text) => {
  server.become({ text, finish, usage: USAGE })
  await expect(provider().generate(asking())).resolves.toEqual({ text, toolCalls: [], usage: USAGE })
})

test.each<[string, unknown]>([
  ['fields that nobody knows', { ...USAGE, cost: 0.01, x_details: { y: [1] } }],
  ['impossible figures', { prompt_tokens: -1, completion_tokens: 1e12, total_tokens: 0.5 }],
  ['figures as texts', { prompt_tokens: '9', completion_tokens: '3' }],
  ['a list', [9, 3]],
  ['a text', 'twelve'],
])('a usage of %s is passed on as it was said, and costs no answer', async (_, usage) => {
  server.become({ text: 'Nine.', usage })
  await expect(provider().generate(asking())).resolves.toEqual({ text: 'Nine.', toolCalls: [], usage })
  expect(server.requests).toHaveLength(1)
})

test('a server that reports no usage, or unreadable words where it was due, has said nothing', async () => {
  const chunk = (delta: object, finish: string | null) => ({ choices: [{ index: 0, delta, finish_reason: finish }] })
  const done = [chunk({ content: 'Nine.' }, null), chunk({}, 'stop')]
  const unreadable = '{"choices":[],"usage":{"prompt_tokens":NaN}}'
  server.become({ text: 'Nine.' }, { events: [...done, unreadable, '[DONE]'] }, { events: done })
  for (let call = 1; call <= 3; call++) {
    await expect(provider().generate(asking())).resolves.toEqual({ text: 'Nine.', toolCalls: [], usage: null })
  }
})

test('of a usage with every chunk the last one counts', async () => {
  const chunk = (content: string, finish: string | null, tokens: number) => ({
    choices: [{ index: 0, delta: { content }, finish_reason: finish }],
    usage: { prompt_tokens: 9, completion_tokens: tokens },
  })
  server.become({ events: [chunk('At ', null, 1), chunk('nine.', 'stop', 2), '[DONE]'] })
  const answer = await provider().generate(asking())
  expect(answer).toMatchObject({ text: 'At nine.', usage: { prompt_tokens: 9, completion_tokens: 2 } })
})
