import { monitorEventLoopDelay } from 'node:perf_hooks'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ROUTES } from '../../src/admin/route-table.ts'
import { o200kBase } from '../../src/tokenizer/o200k-base.ts'
import { eventually } from '../support/tollkeeper.ts'
import { type Door, expectProblem, openDoor, publishedTariff } from './open-door.ts'

const ADMIN_KEY = 'an-admin-key-beside-tenants-0123456789'
const ORGANIZATIONS = '/api/v1/admin/organizations'
const JOBS = '/api/v1/jobs'
const LAG_MS = 50

const TEXTS: readonly (readonly [string, string])[] = [
  ['200,000 × "a"', 'a'.repeat(200_000)],
  ['50,000 Chinese characters', '中文字符测试长文龘靐'.repeat(5_000)],
  ['1 MB of spaces', ' '.repeat(1 << 20)],
  ['`<|endoftext|>`', '<|endoftext|>'.repeat(1_000)],
]
const REFUSED: readonly (readonly [string, string, number, string])[] = [
  ['empty', '', 422, 'validation'],
  ['> limit', 'a'.repeat((1 << 20) + 1), 413, 'too-large'],
  ['NUL', 'a\0b', 422, 'validation'],
]

let door: Door
let asTenant: (path: string, request?: Parameters<Door['ask']>[1]) => ReturnType<Door['ask']>
let before: unknown
const foreign: Record<string, string> = {}
beforeAll(async () => {
  door = await openDoor()
  const tariff = await publishedTariff(door.ask)
  for (const id of ['acme', 'rival']) {
    await door.ask(ORGANIZATIONS, { body: { id, tariff_id: tariff } })
    await door.ask(`${ORGANIZATIONS}/${id}/top-ups`, { body: { amount: '10', reference: 'first' } })
  }
  const { ask } = await door.withKey(ADMIN_KEY)
  const { secret } = (await door.ask(`${ORGANIZATIONS}/rival/api-keys`, { body: { name: 'theirs' } })).body
  asTenant = (path, request) => ask(path, { ...request, headers: { Authorization: `Bearer ${secret}` } })
  const job = { organization_id: 'acme', text: 'A text', agents: ['extractor'] }
  const charge = { organization_id: 'acme', feature: 'ocr', quantity: 1, key: 'k' }
  foreign.jobs = (await door.ask(JOBS, { body: job })).body.id
  foreign['feature-charges'] = (await door.ask('/api/v1/feature-charges', { body: charge })).body.id
  await asTenant('/api/v1/balance')
  before = await door.traces()
})
afterAll(() => door.close())

describe('id of another organisation, every route and verb → 404, nothing changed, audited', () => {
  const about = ROUTES.filter(({ terms: { path } }) => /^\/(jobs|feature-charges)\/\{/.test(path))

  test.each(about.map(({ terms }) => [terms.method.toUpperCase(), terms.path]))(
    '%s %s of another organisation',
    async (method, path) => {
      const [, kind = ''] = path.split('/')
      const target = `/api/v1${path.replace('{id}', foreign[kind] ?? '')}`
      expectProblem(await asTenant(target, { method }), 404, 'not-found')
      expect(await door.traces()).toEqual(before)
      const sql = `select entry from tollkeeper.audit_log where entry like '%"access.%' and entry like $1`
      const entries = await eventually(
        () => door.database.query(sql, [`%"${method} ${target}"%`]),
        (rows) => rows.length > 0,
      )
      expect(entries).toHaveLength(1)
    },
  )

  test('by its name, too', async () => {
    expectProblem(await asTenant('/api/v1/balance?organization_id=acme'), 404, 'not-found')
    const sql = `select entry from tollkeeper.audit_log where entry like '%"access.foreign"%'`
    const [first] = await eventually(
      () => door.database.query<{ entry: string }>(sql),
      (rows) => rows.length > 0,
    )
    expect(JSON.parse(first?.entry ?? '')).toMatchObject({ target: 'GET /api/v1/balance', organization_id: 'acme' })
    expect(await door.traces()).toEqual(before)
  })
})

describe('input text → refused or counted exactly, event loop lag < 50 ms', () => {
  test.each(TEXTS)('%s', async (_what, text) => {
    const tokens = o200kBase.count(text)
    const body = JSON.stringify({ organization_id: 'acme', text, agents: ['extractor'] })
    await door.ask(`${JOBS}/quote`, { body })
    const delay = monitorEventLoopDelay({ resolution: 5 })
    delay.enable()
    const quote = await door.ask(`${JOBS}/quote`, { body })
    delay.disable()
    expect([quote.status, quote.body.input_tokens]).toEqual([200, tokens])
    expect(delay.percentile(50) / 1e6).toBeLessThan(LAG_MS)
    expect(await door.traces()).toEqual(before)
  })

  test.each(REFUSED)('%s', async (_what, text, status, code) => {
    for (const path of [JOBS, `${JOBS}/quote`]) {
      expectProblem(await door.ask(path, { body: { organization_id: 'acme', text } }), status, code)
    }
    const jobs = [{ text: 'fine' }, { text }]
    const batch = await door.ask(`${JOBS}/batch`, { body: { organization_id: 'acme', jobs } })
    expectProblem(batch, 422, 'validation')
    expect(batch.body.errors.map(({ pointer }) => pointer)).toEqual(['/jobs/1/text'])
    expect(await door.traces()).toEqual(before)
  })
})
