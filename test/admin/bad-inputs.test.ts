import { request } from 'node:http'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Answer, type Door, expectProblem, openDoor, publishedTariff } from './open-door.ts'

const TARIFFS = '/api/v1/admin/tariffs'
const ORGANIZATIONS = '/api/v1/admin/organizations'
const TOP_UPS = `${ORGANIZATIONS}/acme/top-ups`
const JOBS = '/api/v1/jobs'
const MAX_TEXT_BYTES = 10_000
const JSON_TYPE = { 'Content-Type': 'application/json' }

let door: Door
let before: unknown
beforeAll(async () => {
  door = await openDoor({ MAX_TEXT_BYTES: String(MAX_TEXT_BYTES) })
  const tariff = await publishedTariff(door.ask)
  await door.ask(ORGANIZATIONS, { body: { id: 'acme', tariff_id: tariff } })
  await door.ask(TOP_UPS, { body: { amount: '10.00', reference: 'first' } })
  before = await door.traces()
})
afterAll(() => door.close())

async function expectNoTrace() {
  expect(await door.traces()).toEqual(before)
}

const amount = (json: string) => `{"amount":${json},"reference":"r"}`

describe('a body that is not JSON', () => {
  const malformed: [string, string | Buffer][] = [
    ['cut off', '{"amount":'],
    ['with a comment', '{"amount":"1" /* one */,"reference":"r"}'],
    ['with NaN', '{"amount":NaN}'],
    ['twice', '{}{}'],
    ['that is not UTF-8', Buffer.from([0x22, 0xff, 0xfe, 0x22])],
    ['that closes what was not open', ']]]]'],
  ]

  test.each(malformed)('%s is malformed', async (_what, body) => {
    expectProblem(await send(TOP_UPS, JSON_TYPE, body), 400, 'malformed-json')
    await expectNoTrace()
  })

  test.each([
    ['text/plain'],
    ['application/x-www-form-urlencoded'],
    ['application/xml'],
    ['multipart/form-data; boundary=x'],
    ['application/json; charset=utf-16'],
    ['application/jsonp'],
    [''],
  ])('of the type "%s" is refused unread', async (type) => {
    const headers = type === '' ? {} : { 'Content-Type': type }
    expectProblem(await send(TOP_UPS, headers, amount('"1"')), 415, 'unsupported-media-type')
    expectProblem(await send(TOP_UPS, { ...headers, 'Content-Length': '0' }, ''), 415, 'unsupported-media-type')
    await expectNoTrace()
  })

  test('an unknown field is named before what is missing or wrong', async () => {
    const answer = await door.ask(TOP_UPS, { body: { amount: 'x', isAdmin: true, balance: '1' } })
    expectProblem(answer, 422, 'validation')
    expect(answer.body.errors.map(({ pointer, code }) => `${code} ${pointer}`)).toEqual([
      'unknown-field /isAdmin',
      'unknown-field /balance',
      'invalid-amount /amount',
      'required /reference',
    ])
    await expectNoTrace()
  })

  test('an empty one of the right type lacks what is required', async () => {
    expectProblem(await send(TOP_UPS, { ...JSON_TYPE, 'Content-Length': '0' }, ''), 422, 'validation')
  })

  test('an action without parameters takes no body', async () => {
    const [{ id } = {}] = (await door.ask(TARIFFS)).body.data
    expectProblem(await door.ask(`${TARIFFS}/${id}/publish`, { body: { force: true } }), 422, 'validation')
    expect((await door.ask(`${TARIFFS}/${id}/publish`, { body: {} })).status).toBe(200)
    await expectNoTrace()
  })
})

describe('a body that is too large', () => {
  const limit = 6 * MAX_TEXT_BYTES + 64 * 1024
  const text = (length: number) => `{"organization_id":"acme","text":"${'x'.repeat(length)}"}`

  test('is refused at the limit, whether or not it says its length', async () => {
    const large = Buffer.from(text(limit))
    expectProblem(await send(JOBS, JSON_TYPE, large), 413, 'too-large')
    expectProblem(await send(JOBS, { ...JSON_TYPE, 'Transfer-Encoding': 'chunked' }, large), 413, 'too-large')
    await expectNoTrace()
  })

  test('is refused for its text alone, too, which escapes make no larger', async () => {
    expectProblem(await send(JOBS, JSON_TYPE, text(MAX_TEXT_BYTES + 1)), 413, 'too-large')
    await expectNoTrace()
    const escaped = `{"organization_id":"acme","text":"${'\\u0078'.repeat(MAX_TEXT_BYTES)}"}`
    expect((await send(`${JOBS}/quote`, JSON_TYPE, escaped)).status).toBe(200)
  })

  test('is refused when it grows on unpacking, without being unpacked', async () => {
    const bomb = gzipSync(Buffer.alloc(200 * 1024 * 1024, ' '))
    const heap = process.memoryUsage().arrayBuffers
    expectProblem(await send(JOBS, { ...JSON_TYPE, 'Content-Encoding': 'gzip' }, bomb), 413, 'too-large')
    expect(process.memoryUsage().arrayBuffers - heap).toBeLessThan(50 * 1024 * 1024)
    const broken = Buffer.concat([gzipSync('{"amount":"1"').subarray(0, 12), Buffer.from('xxxx')])
    expectProblem(await send(TOP_UPS, { ...JSON_TYPE, 'Content-Encoding': 'gzip' }, broken), 400, 'malformed-json')
    expectProblem(
      await send(TOP_UPS, { ...JSON_TYPE, 'Content-Encoding': 'rot13' }, '{}'),
      415,
      'unsupported-media-type',
    )
    await expectNoTrace()
  })
})

describe('a query or path that means nothing', () => {
  test.each([
    [`${TARIFFS}?limit=0`, 400, 'invalid-query'],
    [`${TARIFFS}?limit=-1`, 400, 'invalid-query'],
    [`${TARIFFS}?limit=abc`, 400, 'invalid-query'],
    [`${TARIFFS}?limit=1e9`, 400, 'invalid-query'],
    [`${TARIFFS}?limit=201`, 400, 'invalid-query'],
    [`${TARIFFS}?limit=`, 400, 'invalid-query'],
    [`${TARIFFS}?limit=1&limit=2`, 400, 'invalid-query'],
    [`${TARIFFS}?sort=secret`, 400, 'invalid-query'],
    [`${TARIFFS}?name[$ne]=x`, 400, 'invalid-query'],
    [`${TARIFFS}?__proto__=x`, 400, 'invalid-query'],
    [`${TARIFFS}?cursor=`, 400, 'invalid-cursor'],
    [`${TARIFFS}?cursor=abc`, 400, 'invalid-cursor'],
    [`${TARIFFS}?cursor=${Buffer.from('["x"]').toString('base64url')}`, 400, 'invalid-cursor'],
    [`${TARIFFS}?cursor=${'x'.repeat(5_000)}`, 400, 'invalid-cursor'],
    [`${TARIFFS}/00000000-0000-7000-8000-000000000000?version=0`, 400, 'invalid-query'],
    [`${ORGANIZATIONS}/acme?dry_run=true`, 400, 'invalid-query'],
    ['/api/v1/jobs', 400, 'invalid-query'],
    ['/api/v1/balance', 400, 'invalid-query'],
    ['/api/v1/ledger', 400, 'invalid-query'],
    ['/api/v1/balance?organization_id=%00', 404, 'not-found'],
    ['/api/v1/balance?organization_id=nobody', 404, 'not-found'],
    ['/api/v1/ledger?organization_id=nobody', 404, 'not-found'],
    ['/api/v1/jobs?organization_id=nobody', 404, 'not-found'],
    [`${ORGANIZATIONS}/%00`, 404, 'not-found'],
    [`${ORGANIZATIONS}/..%2f..%2fetc`, 404, 'not-found'],
    [`${ORGANIZATIONS}/%zz`, 404, 'not-found'],
    [`${ORGANIZATIONS}/${'x'.repeat(4_000)}`, 404, 'not-found'],
    [`${ORGANIZATIONS}/nobody`, 404, 'not-found'],
    [`${ORGANIZATIONS}/nobody/members`, 404, 'not-found'],
    [`${ORGANIZATIONS}/nobody/ledger`, 404, 'not-found'],
    [`${ORGANIZATIONS}/' OR 1=1--`, 404, 'not-found'],
    [`${JOBS}/not-a-uuid`, 404, 'not-found'],
    ['/api/v1/nothing', 404, 'not-found'],
    ['/api/v2/jobs', 404, 'not-found'],
    ['/', 404, 'not-found'],
  ])('GET %.70s is %i %s', async (path, status, code) => {
    expectProblem(await door.ask(path), status, code)
  })

  test('an unknown parameter of a change is refused before anything is changed', async () => {
    const answer = await door.ask(`${TOP_UPS}?dryrun=true`, { body: amount('"1"') })
    expectProblem(answer, 400, 'invalid-query')
    await expectNoTrace()
  })

  test('a cursor is refused when it is cut, edited, or of another list', async () => {
    await door.ask(TOP_UPS, { body: { amount: '1', reference: 'second' } })
    before = await door.traces()
    const cursor = String((await door.ask(`${ORGANIZATIONS}/acme/ledger?limit=1`)).body.next_cursor)
    const at = (text: string) => `${ORGANIZATIONS}/acme/ledger?cursor=${text}`
    expect((await door.ask(at(cursor))).body.data).toHaveLength(1)
    const swapped = cursor.slice(0, 4) + (cursor[4] === 'A' ? 'B' : 'A') + cursor.slice(5)
    for (const forged of [cursor.slice(0, -1), swapped, `${cursor}A`, `${cursor}=`]) {
      expectProblem(await door.ask(at(forged)), 400, 'invalid-cursor')
    }
    expectProblem(await door.ask(`${TARIFFS}?cursor=${cursor}`), 400, 'invalid-cursor')
  })

  test('a method that a path does not have is as unknown as the path', async () => {
    for (const [method, path] of [
      ['PUT', TARIFFS],
      ['DELETE', ORGANIZATIONS],
      ['PATCH', TOP_UPS],
    ] as const) {
      expectProblem(await door.ask(path, { method, body: {} }), 404, 'not-found')
    }
    await expectNoTrace()
  })
})

test.each([['<script>alert(1)</script>'], ["' OR 1=1--"], ['$1'], ['%'], ['{"a":1}'], ['名前 🎉'], ['x'.repeat(200)]])(
  'the name %.30s is text like any other',
  async (text) => {
    const created = await door.ask(TARIFFS, { body: { name: text } })
    expect([created.status, created.body.name]).toEqual([201, text])
    expect((await door.ask(`${TARIFFS}/${created.body.id}`)).body.name).toBe(text)
  },
)

/** fetch sets types and lengths by itself; here every byte is the test's. */
async function send(path: string, headers: Record<string, string>, body: string | Buffer): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const sent = request(door.url + path, { method: 'POST', headers }, (response) => {
    const parts: Buffer[] = []
    response.on('data', (part: Buffer) => parts.push(part))
    response.on('end', () => {
      const text = Buffer.concat(parts).toString()
      const answered = new Headers(response.headers as Record<string, string>)
      resolve({ status: response.statusCode ?? 0, headers: answered, text, body: JSON.parse(text) })
    })
  })
  sent.on('error', reject)
  sent.end(body)
  return promise
}
