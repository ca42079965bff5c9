import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RouteTerms } from '../../src/admin/route.ts'
import { ROUTES } from '../../src/admin/route-table.ts'
import { type Answer, type Door, expectProblem, openDoor, publishedTariff } from './open-door.ts'

const BODIES = ['5', 'null', '"x"', '[]']
const BAD_TYPES = ['text/plain', 'application/x-www-form-urlencoded', 'application/xml', '']
const UNKNOWN_FIELDS = ['isAdmin', 'balance', 'organization_id', '__proto__', 'constructor']
const BAD_IDS = ['%00', '..%2f..%2fetc', 'x'.repeat(4_000), '%zz', "' OR 1=1--"]
const BAD_PAGES = ['limit=0', 'limit=-1', 'limit=abc', 'limit=1e9', 'cursor=', 'cursor=forged', 'cursor=eyJhIjoxfQ']
const BAD_QUERIES = ['sort=secret', 'name=x', 'name[$ne]=x', '__proto__=x', 'limit=1&limit=2']
const BAD_DATES = ['2026-02-30', 'infinity', 'now', '2026-02-28T13:00:00', '-infinity', '20260228', '2026-13-01']
const BAD_AMOUNTS = [
  ...['"NaN"', '"Infinity"', '1e309', '"-1"', '"1,5"', '""', 'true', `"${'9'.repeat(40)}"`, `"0.${'1'.repeat(20)}"`],
  ...['0.1234567890123456', '-1', '[]', '{}'],
]
const BAD_NAMES = ['a\u0000b', 'a\ud800b', 'x'.repeat(1_000_000), 'invoice \u202efdp.exe']
const BAD_KEYS = ['', 'k'.repeat(201), 'caf\u00e9', '\u0080']
const BAD_TAGS = ['', 'x', '""', 'W/"x"', '"', ',,,', '\u00e9', '"x'.repeat(2_000), 'null']

const AT = '/admin/organizations/acme'
const AMOUNT_FIELDS: readonly (readonly [string, string, string, object])[] = [
  ['POST', `${AT}/top-ups`, 'amount', { reference: 'r' }],
  ['POST', `${AT}/adjustments`, 'amount', { reference: 'r', direction: 'debit' }],
  ['POST', `${AT}/thresholds`, 'below', {}],
  ['POST', `${AT}/thresholds`, 'clear_at', { below: '1' }],
  ['POST', `${AT}/members`, 'spending_limit', { user_id: 'new' }],
  ['PATCH', `${AT}/members/ada`, 'spending_limit', {}],
  ['PATCH', AT, 'overdraft_limit', {}],
  ['POST', '/admin/organizations', 'overdraft_limit', { id: 'new' }],
  ['POST', '/admin/tariffs', 'price_per_month', { name: 'T' }],
  ['POST', '/admin/tariffs', 'member_price', { name: 'T' }],
  ['POST', '/admin/tariffs/<tariff>/components', 'price', { key: 'k', kind: 'input_tokens' }],
  ['PATCH', '/admin/tariffs/<tariff>/components/run', 'price', {}],
  ['POST', '/jobs', 'max_cost', { organization_id: 'acme', text: 'x' }],
  ['POST', '/jobs/quote', 'max_cost', { organization_id: 'acme', text: 'x' }],
  ['POST', '/jobs/<job>/resubmit', 'max_cost', {}],
]
const NAME_FIELDS: readonly (readonly [string, string, string, object])[] = [
  ['POST', '/admin/tariffs', 'name', {}],
  ['PATCH', '/admin/tariffs/<tariff>', 'name', {}],
  ['POST', '/admin/organizations', 'name', { id: 'new' }],
  ['PATCH', AT, 'name', {}],
  ['POST', `${AT}/top-ups`, 'reference', { amount: '1' }],
  ['POST', `${AT}/top-ups`, 'note', { amount: '1', reference: 'r' }],
  ['POST', `${AT}/api-keys`, 'name', {}],
  ['POST', '/admin/api-keys', 'name', { role: 'admin' }],
  ['POST', '/jobs', 'external_id', { organization_id: 'acme', text: 'x' }],
  ['POST', '/feature-charges', 'key', { organization_id: 'acme', feature: 'ocr', quantity: 1 }],
]
/** Bodies that would do something, so that only what stands beside them can be the reason of a refusal. */
const DOING: Readonly<Record<string, object>> = {
  submitJob: { organization_id: 'acme', text: 'x', agents: ['extractor'] },
  submitJobs: { organization_id: 'acme', jobs: [{ text: 'x', agents: ['extractor'] }] },
  createTopUp: { amount: '1', reference: 'r' },
  createAdjustment: { amount: '1', direction: 'credit', reference: 'r' },
  addMember: { user_id: 'new' },
  changeMember: { role: 'admin' },
  changeTariff: { name: 'Renamed' },
  createTariff: { name: 'T' },
  createOrganization: { id: 'new' },
  changeOrganization: { name: 'Renamed' },
  addComponent: { key: 'k', kind: 'input_tokens', price: '1' },
  changeComponent: { price: '9' },
  addThreshold: { below: '1' },
  resubmitJob: {},
  chargeFeature: { organization_id: 'acme', feature: 'ocr', quantity: 1, key: 'another' },
}

let door: Door
let own: Readonly<Record<string, string>>
let before: unknown
beforeAll(async () => {
  door = await openDoor()
  const tariff = await publishedTariff(door.ask, { max_team_members: 9 })
  await made('/admin/organizations', { id: 'acme', tariff_id: tariff })
  await made(`${AT}/top-ups`, { amount: '10', reference: 'first' })
  await made(`${AT}/members`, { user_id: 'ada' })
  const job = await made('/jobs', { ...DOING.submitJob })
  await door.ask(`/api/v1/jobs/${job}`, { method: 'DELETE' })
  own = {
    tariffs: tariff,
    organizations: 'acme',
    members: 'ada',
    components: 'run',
    moves: job,
    jobs: job,
    'feature-charges': await made('/feature-charges', {
      organization_id: 'acme',
      feature: 'ocr',
      quantity: 1,
      key: 'k',
    }),
    thresholds: await made(`${AT}/thresholds`, { below: '1' }),
    'api-keys': await made(`${AT}/api-keys`, { name: 'key' }),
    statements: 'current',
  }
  before = await door.traces()
})
afterAll(async () => {
  expect(await door.tollkeeper.verifier.verify({})).toMatchObject({ ok: true, violations: [] })
  await door.close()
})

async function made(path: string, body: object): Promise<string> {
  const answer = await door.ask(`/api/v1${path}`, { body })
  expect(answer.status, answer.text).toBeLessThan(300)
  return answer.body.id
}

const expectNoTrace = async () => expect(await door.traces()).toEqual(before)
const pathOf = ({ path, organization }: RouteTerms, of: (kind: string) => string = (kind) => own[kind] ?? kind) => {
  const filled = path.replaceAll(/([a-z-]+)\/\{\w+\}/g, (_all, kind: string) => `${kind}/${of(kind)}`)
  return `/api/v1${filled}${organization === 'query' ? '?organization_id=acme' : ''}`
}
const at = (path: string) => `/api/v1${path.replace('<tariff>', own.tariffs ?? '').replace('<job>', own.jobs ?? '')}`
const withQuery = (path: string, more: string) => `${path}${path.includes('?') ? '&' : '?'}${more}`
const callOf = (terms: RouteTerms, path: string, body?: unknown, headers: Record<string, string> = {}) =>
  door.ask(path, { method: terms.method.toUpperCase(), ...(body !== undefined && { body }), headers })
const routes = (chosen: (terms: RouteTerms) => unknown) =>
  ROUTES.flatMap(({ terms }) => (chosen(terms) ? [[terms.operation, terms] as const] : []))
const problems = async (answers: readonly Promise<Answer>[], status: number, code: string) => {
  for (const answer of answers) expectProblem(await answer, status, code)
  await expectNoTrace()
}

describe('body `5`, `null`, `"x"`, `[]`, empty → 422 validation', () => {
  test.each(routes(({ method }) => method !== 'get'))('%s', async (_operation, terms) => {
    const sent = BODIES.map((body) => callOf(terms, pathOf(terms), body))
    await problems(sent, 422, 'validation')
    if (terms.body === undefined || terms.bodyMayLack) return
    const headers = { 'Content-Type': 'application/json' }
    await problems([callOf(terms, pathOf(terms), undefined, headers)], 422, 'validation')
  })
})

describe('`{"amount":` cut off → 400 malformed-json; text/plain, form, XML, no content type → 415', () => {
  test.each(routes(({ method }) => method !== 'get'))('%s', async (operation, terms) => {
    await problems([callOf(terms, pathOf(terms), '{"amount":')], 400, 'malformed-json')
    const body = DOING[operation] ?? {}
    await problems(
      BAD_TYPES.map((type) => callOf(terms, pathOf(terms), body, { 'Content-Type': type })),
      415,
      'unsupported-media-type',
    )
  })
})

describe('unknown field (`isAdmin`, `balance`; `organization_id` anywhere but in a job or quote) → 422 unknown-field', () => {
  test.each(routes(({ body }) => body))('%s', async (operation, terms) => {
    const isPayer = terms.organization === 'body' || operation === 'chargeFeature'
    for (const field of UNKNOWN_FIELDS.filter((name) => !(isPayer && name === 'organization_id'))) {
      const answer = await callOf(terms, pathOf(terms), `{"${field}":"acme"}`)
      expectProblem(answer, 422, 'validation')
      expect(answer.body.errors[0]).toMatchObject({ pointer: `/${field}`, code: 'unknown-field' })
    }
    await expectNoTrace()
  })
})

describe('amount "NaN", "Infinity", 1e309, "-1", "1,5", "", true, 40 digits, 20 decimals → 422, never rounded', () => {
  test.each(AMOUNT_FIELDS)('%s %s, the amount %s', async (method, path, field, more) => {
    for (const value of BAD_AMOUNTS) {
      const body = `${JSON.stringify({ ...more, [field]: '?' }).replace('"?"', () => value)}`
      const answer = await door.ask(at(path), { method, body })
      expectProblem(answer, 422, 'validation')
      expect(answer.body.errors.map(({ pointer }) => pointer)).toEqual([`/${field}`])
    }
    await expectNoTrace()
  })
})

describe('name with U+0000, a lone surrogate, 1 MB, bidi controls → 422', () => {
  test.each(NAME_FIELDS)('%s %s, the text %s', async (method, path, field, more) => {
    for (const name of BAD_NAMES) {
      const answer = await door.ask(at(path), { method, body: { ...more, [field]: name } })
      expectProblem(answer, 422, 'validation')
      expect(answer.body.errors.map(({ pointer }) => pointer)).toEqual([`/${field}`])
      expect(answer.text.length).toBeLessThan(1_000)
    }
    await expectNoTrace()
  })
})

describe('sort or filter by an unknown field, filter as object; `limit` 0, -1, abc, 1e9; a forged or cut cursor → 400', () => {
  test.each(routes(({ list, method }) => list && method === 'get'))('%s', async (_operation, terms) => {
    for (const query of [...BAD_PAGES, ...BAD_QUERIES]) {
      const answer = await callOf(terms, withQuery(pathOf(terms), query))
      expectProblem(answer, 400, query.startsWith('cursor') ? 'invalid-cursor' : 'invalid-query')
    }
  })
})

describe('id with `%00`, `..%2f`, over-long → 404', () => {
  test.each(routes(({ path }) => path.includes('{')))('%s', async (_operation, terms) => {
    const kinds = [...terms.path.matchAll(/([a-z-]+)\/\{/g)].map(([, kind]) => kind)
    const paths = kinds.flatMap((bad) =>
      BAD_IDS.map((id) => pathOf(terms, (kind) => (kind === bad ? id : (own[kind] ?? '')))),
    )
    await problems(
      paths.map((path) => callOf(terms, path, terms.body && (DOING[terms.operation] ?? {}))),
      404,
      'not-found',
    )
  })
})

describe('dates `2026-02-30`, `infinity`, `now`, no zone; from > to → 422', () => {
  const NAMES = ['from', 'to', 'created_from', 'created_to']
  const dated = routes(({ query = {} }) => NAMES.some((name) => name in query))

  test.each(dated)('%s', async (_operation, terms) => {
    const names = NAMES.filter((name) => name in (terms.query ?? {}))
    const queries = names.flatMap((name) => BAD_DATES.map((date) => `${name}=${date}`))
    const [from, to] = names
    queries.push(`${from}=2026-02-02&${to}=2026-02-01`)
    for (const query of queries) {
      const answer = await callOf(terms, withQuery(pathOf(terms), query))
      expect([query, answer.status]).toEqual([query, 422])
      expectProblem(answer, 422, 'validation')
    }
  })

  test.each([`${AT}/api-keys`, '/admin/api-keys'])('expires_at of %s', async (path) => {
    for (const date of [...BAD_DATES, '2026-02-28', '2001-01-01T00:00:00Z', '+099999-01-01T00:00:00Z', 5]) {
      const body = { name: 'k', expires_at: date, ...(path.startsWith(AT) ? {} : { role: 'admin' }) }
      const answer = await door.ask(at(path), { body })
      expectProblem(answer, 422, 'validation')
      expect(answer.body.errors[0]?.pointer).toBe('/expires_at')
    }
    await expectNoTrace()
  })
})

describe('Idempotency-Key empty, of 201 characters, with control characters or beyond ASCII → 422', () => {
  test.each(routes(({ idempotent }) => idempotent))('%s', async (operation, terms) => {
    for (const key of BAD_KEYS) {
      const answer = await callOf(terms, pathOf(terms), DOING[operation], { 'Idempotency-Key': key })
      expectProblem(answer, 422, 'validation')
      expect(answer.body.errors[0]?.detail).toContain('Idempotency-Key')
    }
    await expectNoTrace()
  })

  test('and with a control character it is no HTTP', async () => {
    for (const evil of ['a\u0000b', 'a\u0001b', 'a\u007fb', 'a\rb']) {
      const socket = connect(Number(new URL(door.url).port), '127.0.0.1')
      const body = JSON.stringify(DOING.createTopUp)
      const head = ['Host: localhost', 'Connection: close', 'Content-Type: application/json']
      const more = [`Content-Length: ${body.length}`, `Idempotency-Key: ${evil}`]
      socket.write([`POST /api/v1${AT}/top-ups HTTP/1.1`, ...head, ...more, '', body].join('\r\n'))
      expect(await text(socket), JSON.stringify(evil)).toMatch(/^HTTP\/1\.1 4(00|22) /)
    }
    await expectNoTrace()
  })
})

describe('dry_run=maybe → 400', () => {
  test.each(routes(({ dryRun }) => dryRun))('%s', async (operation, terms) => {
    const queries = ['dry_run=maybe', 'dry_run=', 'dry_run=TRUE', 'dry_run=1', 'dry_run=true&dry_run=false']
    await problems(
      queries.map((query) => callOf(terms, withQuery(pathOf(terms), query), DOING[operation])),
      400,
      'invalid-query',
    )
  })
})

describe('If-Match that is no tag of ours → 409 stale-version', () => {
  test.each(routes(({ tagged, method }) => tagged && method !== 'get'))('%s', async (operation, terms) => {
    await problems(
      BAD_TAGS.map((tag) => callOf(terms, pathOf(terms), DOING[operation], { 'If-Match': tag })),
      409,
      'stale-version',
    )
  })
})
