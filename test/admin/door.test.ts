import { request } from 'node:http'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Ask, type Door, expectProblem, openDoor } from './open-door.ts'

const KEY = 'a-key-that-only-the-operator-has-0123456789'
const TARIFFS = '/api/v1/admin/tariffs'

let door: Door
let locked: { readonly ask: Ask; readonly url: string }
beforeAll(async () => {
  door = await openDoor()
  locked = await door.withKey(KEY)
})
afterAll(() => door.close())

/** fetch does not let its caller set Host. */
function askAs(url: string, host: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const sent = request(`${url}${TARIFFS}`, { headers: { Host: host } }, (answer) => {
    answer.resume().on('end', () => resolve(answer.statusCode ?? 0))
  })
  sent.on('error', reject).end()
  return promise
}

const basic = (login: string) => ({ Authorization: `Basic ${Buffer.from(login).toString('base64')}` })

describe('the open door', () => {
  test.each([
    ['localhost', 200],
    ['localhost:5001', 200],
    ['LOCALHOST', 200],
    ['127.0.0.1:80', 200],
    ['127.8.9.10', 200],
    ['[::1]:5001', 200],
    ['evil.example', 403],
    ['evil.example:5001', 403],
    ['localhost.evil.example', 403],
    ['127.0.0.1.evil.example', 403],
    ['10.0.0.1', 403],
    ['0.0.0.0', 403],
    ['[::2]', 403],
    ['user@localhost', 403],
  ])('answers a request to the host "%s" with %i', async (host, status) => {
    expect(await askAs(door.url, host)).toBe(status)
  })

  test.each([
    ['a foreign origin', { Origin: 'http://evil.example' }],
    ['an origin of another port', { Origin: 'http://127.0.0.1:1' }],
    ['no telling origin', { Origin: 'null' }],
    ['a foreign site', { 'Sec-Fetch-Site': 'cross-site' }],
    ['a neighbouring site', { 'Sec-Fetch-Site': 'same-site' }],
  ])('refuses to change anything for a page with %s', async (_what, headers) => {
    const before = await door.traces()
    expectProblem(await door.ask(TARIFFS, { body: { name: 'Forged' }, headers }), 403, 'forbidden')
    expectProblem(await door.ask('/admin/queues/api/queues/pause', { method: 'PUT', headers }), 403, 'forbidden')
    expect(await door.traces()).toEqual(before)
    expect((await door.ask(TARIFFS, { headers })).status).toBe(200)
  })

  test('lets a page of its own change things', async () => {
    const headers = { Origin: door.url, 'Sec-Fetch-Site': 'same-origin' }
    expect((await door.ask(TARIFFS, { body: { name: 'Own' }, headers })).status).toBe(201)
  })

  test('says nothing about what it is made of, and nothing of it is stored by browsers', async () => {
    const { headers } = await door.ask(TARIFFS)
    expect(headers.get('X-Powered-By')).toBeNull()
    expect(headers.get('Content-Security-Policy')).toContain("default-src 'none'")
    expect(headers.get('X-Content-Type-Options')).toBe('nosniff')
    expect(headers.get('Cache-Control')).toBe('no-store')
  })

  test('keeps a request id that a proxy gave, and replaces one that could forge a log line', async () => {
    const given = await door.ask('/health/live', { headers: { 'X-Request-Id': 'proxy-17' } })
    expect(given.headers.get('X-Request-Id')).toBe('proxy-17')
    const forged = await door.ask('/health/live', { headers: { 'X-Request-Id': 'a b{"level":60}' } })
    expect(forged.headers.get('X-Request-Id')).toMatch(/^[0-9a-f-]{36}$/)
  })

  test('leads from /admin to the board', async () => {
    const answer = await door.ask('/admin')
    expect([answer.status, answer.headers.get('Location')]).toEqual([302, '/admin/queues'])
  })
})

describe('the locked door', () => {
  const wrong: [string, Record<string, string>][] = [
    ['no key', {}],
    ['a wrong key', { Authorization: `Bearer ${KEY}x` }],
    ['the beginning of the key', { Authorization: `Bearer ${KEY.slice(0, -1)}` }],
    ['an unknown scheme', { Authorization: `Token ${KEY}` }],
    ['no scheme', { Authorization: KEY }],
    ['a login for browsers', basic(`admin:${KEY}`)],
    ['an empty key', { Authorization: 'Bearer ' }],
  ]

  test.each(wrong)('answers %s like every other lack of the key', async (_what, headers) => {
    const reference = await locked.ask(TARIFFS)
    for (const path of [TARIFFS, `${TARIFFS}/nothing`, '/api/v1/jobs', '/nowhere']) {
      const answer = await locked.ask(path, { headers })
      expectProblem(answer, 401, 'unauthorized')
      expect(answer.headers.get('WWW-Authenticate')).toBe('Bearer')
      expect({ ...answer.body, request_id: '' }).toEqual({ ...reference.body, request_id: '' })
    }
    const before = await door.traces()
    expectProblem(await locked.ask(TARIFFS, { body: { name: 'Forged' }, headers }), 401, 'unauthorized')
    expect(await door.traces()).toEqual(before)
  })

  test('lets the key in, from any host', async () => {
    const headers = { Authorization: `bearer ${KEY}` }
    expect((await locked.ask(TARIFFS, { headers })).status).toBe(200)
    expect((await locked.ask(TARIFFS, { body: { name: 'Mine' }, headers })).status).toBe(201)
    expect(await askAs(locked.url, 'tollkeeper.example')).toBe(401)
  })

  test('asks browsers for the key in their own dialog, for the board and its receipts', async () => {
    const receipt = '/api/v1/jobs/00000000-0000-7000-8000-000000000000/receipt'
    for (const [path, status] of [
      ['/admin/queues/', 200],
      ['/admin', 302],
      [receipt, 404],
    ] as const) {
      const asked = await locked.ask(path)
      expectProblem(asked, 401, 'unauthorized')
      expect(asked.headers.get('WWW-Authenticate')).toMatch(/^Basic realm="Tollkeeper"/)
      expect((await locked.ask(path, { headers: basic('admin:wrong') })).status).toBe(401)
      expect((await locked.ask(path, { headers: basic(KEY) })).status).toBe(401)
      expect((await locked.ask(path, { headers: basic(`whoever:${KEY}`) })).status).toBe(status)
    }
  })

  test('refuses what a page of another site makes a logged-in browser do', async () => {
    const headers = { ...basic(`admin:${KEY}`), Origin: 'http://evil.example' }
    expectProblem(await locked.ask('/admin/queues/api/queues/pause', { method: 'PUT', headers }), 403, 'forbidden')
  })
})

describe('health', () => {
  test('is open to everybody and says that everything answers', async () => {
    for (const { ask } of [door, locked]) {
      expect((await ask('/health/live')).body).toEqual({ status: 'live' })
      expect((await ask('/health/ready')).body).toEqual({ status: 'ready' })
    }
    expectProblem(await door.ask('/health/unknown'), 404, 'not-found')
  })

  test('is not ready while a part is silent, and says which', async () => {
    const { probes } = door.tollkeeper
    const { queue } = probes
    probes.queue = () => Promise.reject(new Error('secret-host:6379 is down'))
    const answer = await door.ask('/health/ready')
    probes.queue = queue
    expectProblem(answer, 503, 'unavailable')
    expect(answer.body.detail).toContain('queue')
    expect(answer.body.detail).not.toMatch(/database|secret/)
    expect((await door.ask('/health/live')).status).toBe(200)
  })
})

test('a request that never ends its headers is cut off', { timeout: 20_000 }, async () => {
  const { port } = new URL(door.url)
  const socket = connect(Number(port), '127.0.0.1')
  const { promise: ended, resolve } = Promise.withResolvers<string>()
  let said = ''
  socket.on('data', (bytes) => {
    said += bytes
  })
  socket.on('close', () => resolve(said))
  socket.write('GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-Slow: ')
  expect(await ended).toMatch(/^HTTP\/1\.1 408/)
})
