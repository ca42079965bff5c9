import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Answer, type Door, expectProblem, openDoor } from './open-door.ts'

const JOBS = '/api/v1/jobs'
const MAX_TEXT_BYTES = 10_000
const MIB = 1024 * 1024

let door: Door
let before: unknown
beforeAll(async () => {
  door = await openDoor({ MAX_TEXT_BYTES: String(MAX_TEXT_BYTES) })
  before = await door.traces()
})
afterAll(() => door.close())

const head = (...lines: string[]): string => [...lines, '', ''].join('\r\n')
const post = (...lines: string[]): string =>
  head(`POST ${JOBS} HTTP/1.1`, 'Host: localhost', 'Content-Type: application/json', ...lines)

interface Heard extends Answer {
  /** All that was said, from the first to the last byte. */
  readonly raw: string
  readonly ms: number
  readonly sentBytes: number
}

/** Sends these bytes, then what `more` sends, and hears everything until the server closes. */
async function say(text: string, more?: (socket: Socket) => Promise<void>): Promise<Heard> {
  const startedAt = performance.now()
  const socket = connect(Number(new URL(door.url).port), '127.0.0.1')
  let raw = ''
  socket.on('data', (bytes) => {
    raw += bytes
  })
  // A reset after the answer is a close, too.
  socket.on('error', () => undefined)
  const closed = closeOf(socket)
  socket.write(text)
  await more?.(socket)
  await closed
  const ms = performance.now() - startedAt
  const [lines = '', body = ''] = raw.slice(raw.lastIndexOf('HTTP/1.1 ')).split('\r\n\r\n')
  const [first = '', ...rest] = lines.split('\r\n')
  const headers = new Headers(rest.map((line) => line.split(': ', 2) as [string, string]))
  const status = Number(first.split(' ')[1])
  return { status, headers, text: body, body: JSON.parse(body), raw, ms, sentBytes: socket.bytesWritten }
}

/** Unlike `once`, not rejected by the reset that comes before it. */
const closeOf = (socket: Socket) => new Promise((resolve) => socket.once('close', resolve))

/** Writes chunk after chunk, as fast as they are taken, until the server has enough. */
async function pour(socket: Socket): Promise<void> {
  const part = Buffer.alloc(16 * 1024, ' ')
  const chunk = Buffer.concat([Buffer.from('4000\r\n'), part, Buffer.from('\r\n')])
  while (!socket.destroyed && socket.bytesWritten < 500 * MIB) {
    if (socket.write(chunk)) await new Promise(setImmediate)
    else await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closeOf(socket)])
  }
}

function expectLastWord(answer: Heard, status: number, code: string): void {
  expectProblem(answer, status, code)
  expect(answer.headers.get('Connection')).toBe('close')
  expect(answer.raw).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
  expect(answer.raw.split('HTTP/1.1 ')).toHaveLength(2)
}

describe('a body that is too large is refused at once, and its connection closed', () => {
  test.each([
    ['without a byte of it', []],
    ['also when the sender asks first', ['Expect: 100-continue']],
    ['whatever its type', ['Content-Type: text/plain']],
  ])('by its Content-Length, %s', async (_what, lines) => {
    const answer = await say(post(`Content-Length: ${50 * MIB}`, ...lines))
    expectLastWord(answer, 413, 'too-large')
    expect(answer.ms).toBeLessThan(3_000)
    expect(await door.traces()).toEqual(before)
  })

  test.each([
    ['plain', 'Accept: */*', 'too-large', 413],
    ['of another type', 'Content-Type: text/plain', 'unsupported-media-type', 415],
  ])('in the middle of chunks without an end, %s', async (_what, line, code, status) => {
    const buffers = process.memoryUsage().arrayBuffers
    const type = line.startsWith('Content-Type') ? [] : ['Content-Type: application/json']
    const start = head(`POST ${JOBS} HTTP/1.1`, 'Host: localhost', ...type, line, 'Transfer-Encoding: chunked')
    const answer = await say(start, pour)
    expectLastWord(answer, status, code)
    expect(answer.ms).toBeLessThan(5_000)
    expect(answer.sentBytes).toBeLessThan(50 * MIB)
    expect(process.memoryUsage().arrayBuffers - buffers).toBeLessThan(50 * MIB)
    expect(await door.traces()).toEqual(before)
  })
})

test('a sender that reads while it sends gets its answer, however much it has', async () => {
  for (let round = 0; round < 3; round += 1) {
    expectProblem(await door.ask(JOBS, { body: 'x'.repeat(20 * MIB) }), 413, 'too-large')
  }
  expect(await door.traces()).toEqual(before)
})

test.each([
  ['of a length', `${post('Content-Length: 100000')}{"text":"`],
  ['in chunks', `${post('Transfer-Encoding: chunked')}5\r\n{"tex`],
  ['packed', `${post('Transfer-Encoding: chunked', 'Content-Encoding: gzip')}2\r\n\x1f\x1e\r\n`],
])('a body %s that breaks off harms nobody', async (_what, text) => {
  const socket = connect(Number(new URL(door.url).port), '127.0.0.1')
  socket.on('error', () => undefined).write(text)
  await new Promise((resolve) => setTimeout(resolve, 50))
  socket.destroy()
  await new Promise((resolve) => setTimeout(resolve, 700))
  expect((await door.ask('/health/live')).status).toBe(200)
  expect(await door.traces()).toEqual(before)
})

describe('100 Continue', () => {
  test('is said to who may send its body', async () => {
    const body = '{"organization_id":"nobody","text":"x"}'
    const asked = post(`Content-Length: ${body.length}`, 'Expect: 100-continue', 'Connection: close')
    const answer = await say(asked, async (socket) => {
      await once(socket, 'data')
      socket.write(body)
    })
    expect(answer.raw).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 404 /)
    expectProblem(answer, 404, 'not-found')
  })

  test('is not said to who is refused before', async () => {
    const asked = head(`POST ${JOBS} HTTP/1.1`, 'Host: evil.example', 'Content-Length: 5', 'Expect: 100-continue')
    expectLastWord(await say(asked), 403, 'forbidden')
  })
})

describe('what is not HTTP is refused as a problem, too', () => {
  test.each([
    ['nonsense', 'nonsense\r\n\r\n', 400, 'malformed-request'],
    ['a bad length', post('Content-Length: ten'), 400, 'malformed-request'],
    ['two lengths', post('Content-Length: 1', 'Content-Length: 2'), 400, 'malformed-request'],
    ['a length and chunks', post('Content-Length: 1', 'Transfer-Encoding: chunked'), 400, 'malformed-request'],
    ['a bad chunk', `${post('Transfer-Encoding: chunked')}zz\r\n`, 400, 'malformed-request'],
    ['a header that is too large', post(`X-Large: ${'x'.repeat(100_000)}`), 431, 'too-large'],
    ['too many headers', post(...Array.from({ length: 101 }, (_, n) => `X-${n}: 1`)), 431, 'too-large'],
    ['no host', head('GET /health/live HTTP/1.1'), 400, 'malformed-request'],
    ['two hosts', head('GET /health/live HTTP/1.1', 'Host: localhost', 'Host: evil'), 400, 'malformed-request'],
  ])('%s', async (_what, text, status, code) => {
    const answer = await say(text)
    expectLastWord(answer, status, code)
    expect(answer.ms).toBeLessThan(3_000)
    expect(await door.traces()).toEqual(before)
  })

  test('headers that never end', { timeout: 20_000 }, async () => {
    expectLastWord(await say('GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-Slow: '), 408, 'timeout')
  })
})
