import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RouteTerms } from '../../src/admin/route.ts'
import { ROUTES } from '../../src/admin/route-table.ts'
import { type Answer, type Door, expectProblem, openDoor, publishedTariff } from './open-door.ts'

const ADMIN_KEY = 'an-admin-key-for-the-matrix-0123456789'
const TEXT = 'The ferry leaves at nine.'

/** Whoever may knock. `own` is a key of acme, whose things are asked for; `other` one of another organisation. */
const CALLERS = ['admin', 'operator', 'own', 'other', 'member', 'expired', 'revoked', 'liar', 'nobody'] as const
type Caller = (typeof CALLERS)[number]

/** What each may do, in words of its own: the code decides it elsewhere. */
const REACHES: Readonly<Record<Caller, (terms: RouteTerms) => 401 | 403 | 404 | 'in'>> = {
  admin: () => 'in',
  operator: ({ scope, method }) => (scope === 'operator' || (scope === 'tenant' && method === 'get') ? 'in' : 403),
  own: ({ scope }) => (scope === 'tenant' ? 'in' : 403),
  other: ({ scope }) => (scope === 'tenant' ? 404 : 403),
  member: ({ scope, members }) => (scope === 'tenant' && members !== undefined ? 'in' : 403),
  expired: () => 401,
  revoked: () => 401,
  liar: () => 401,
  nobody: () => 401,
}

/** Bodies that mean something, of tenants' routes that take one: whose organisation it is stands in them. */
const BODIES: Readonly<Record<string, object>> = {
  submitJob: { organization_id: 'acme', text: TEXT, agents: ['extractor'] },
  submitJobs: { organization_id: 'acme', jobs: [{ text: TEXT, agents: ['extractor'] }] },
  quoteJob: { organization_id: 'acme', text: TEXT, agents: ['extractor'] },
  resubmitJob: {},
}

const UNKNOWN = '01a20900-0000-7000-8000-00000000dead'

describe('every route, for everybody', () => {
  let door: Door
  let ask: Door['ask']
  let keys: Readonly<Partial<Record<Caller, string>>>
  let own: Readonly<Record<string, string>>

  beforeAll(async () => {
    door = await openDoor()
    ask = (await door.withKey(ADMIN_KEY)).ask
    const tariff = await publishedTariff(door.ask, { max_team_members: 9 })
    for (const id of ['acme', 'other']) {
      await made('/admin/organizations', { id, tariff_id: tariff })
      await made(`/admin/organizations/${id}/top-ups`, { amount: '10', reference: 'first' })
      await made(`/admin/organizations/${id}/members`, { user_id: 'ada' })
    }
    const { id: job } = await made('/jobs', { ...BODIES.submitJob, user_id: 'ada' })
    const { id: charge } = await made('/feature-charges', {
      organization_id: 'acme',
      feature: 'ocr',
      quantity: 1,
      key: 'k',
    })
    const { id: threshold } = await made('/admin/organizations/acme/thresholds', { below: '1' })
    const key = async (at: string, body: object) => made(`/admin/${at}api-keys`, body)
    const ofAcme = 'organizations/acme/'
    const [mine, spare, operator, other, member] = [
      await key(ofAcme, { name: 'mine' }),
      await key(ofAcme, { name: 'spare' }),
      await key('', { name: 'operator', role: 'operator' }),
      await key('organizations/other/', { name: 'other' }),
      await key(ofAcme, { name: 'member', user_id: 'ada' }),
    ]
    const expired = await key(ofAcme, { name: 'expired', expires_at: new Date(Date.now() + 1_500).toISOString() })
    const revoked = await key(ofAcme, { name: 'revoked' })
    const gone = await door.ask(`/api/v1/admin/organizations/acme/api-keys/${revoked.id}`, { method: 'DELETE' })
    expect(gone.status).toBe(204)
    await new Promise((resolve) => setTimeout(resolve, 1_600))
    const secretOf = ({ secret }: Readonly<Record<string, unknown>>) => String(secret)
    keys = {
      admin: ADMIN_KEY,
      operator: secretOf(operator),
      own: secretOf(mine),
      other: secretOf(other),
      member: secretOf(member),
      expired: secretOf(expired),
      revoked: secretOf(revoked),
      liar: 'tk_organization_of-nobody',
    }
    own = {
      tariffs: tariff,
      organizations: 'acme',
      members: 'ada',
      components: 'run',
      moves: UNKNOWN,
      jobs: String(job),
      'feature-charges': String(charge),
      thresholds: String(threshold),
      'api-keys': String(spare.id),
      statements: 'current',
    }
  })
  afterAll(() => door.close())

  async function made(path: string, body: object): Promise<Answer['body']> {
    const answer = await door.ask(`/api/v1${path}`, { body })
    expect([200, 201, 202], `${path}: ${answer.text}`).toContain(answer.status)
    return answer.body
  }

  /** The route about acme's things, or about what does not exist. */
  function pathOf({ path, organization }: RouteTerms, of: Readonly<Record<string, string>> = own): string {
    const filled = path.replaceAll(/([a-z-]+)\/\{\w+\}/g, (_all, kind: string) => {
      expect(of[kind], `an id for /${kind}/{…}`).toBeTypeOf('string')
      return `${kind}/${of[kind]}`
    })
    return `/api/v1${filled}${organization === 'query' ? '?organization_id=acme' : ''}`
  }

  const call = (caller: Caller, terms: RouteTerms, path: string): Promise<Answer> => {
    const key = keys[caller]
    const body = BODIES[terms.operation]
    const headers = key === undefined ? {} : { Authorization: `Bearer ${key}` }
    return ask(path, { method: terms.method.toUpperCase(), headers, ...(body && { body }) })
  }

  /** One step behind the scope: there it is refused for its query, so that nothing happens. */
  const spoiled = (path: string): string => `${path}${path.includes('?') ? '&' : '?'}not_a_parameter=1`

  const cases = ROUTES.flatMap(({ terms }) => CALLERS.map((caller) => [caller, terms.operation, terms] as const))

  test.each(cases)('%s: %s', async (caller, _operation, terms) => {
    const expected = REACHES[caller](terms)
    const before = await door.traces()
    const isForeign = expected === 404
    const answer = await call(caller, terms, isForeign ? pathOf(terms) : spoiled(pathOf(terms)))
    if (expected === 401) expectProblem(answer, 401, 'unauthorized')
    else if (expected === 403) expectProblem(answer, 403, 'forbidden')
    else if (expected === 404) expectProblem(answer, 404, 'not-found')
    else expectProblem(answer, 400, 'invalid-query')
    expect(await door.traces()).toEqual(before)
  })

  const bytes = (answer: Answer): string => answer.text.replace(answer.body.request_id, '')

  test('what belongs to another organisation is answered as what does not exist, to the byte', async () => {
    const withId = ROUTES.filter(({ terms }) => terms.scope === 'tenant' && /\{/.test(terms.path))
    expect(withId.length).toBeGreaterThan(4)
    for (const { terms } of withId) {
      if (terms.path.startsWith('/statements')) continue
      const missing = Object.fromEntries(Object.keys(own).map((kind) => [kind, UNKNOWN]))
      const [foreign, none] = [
        await call('other', terms, pathOf(terms)),
        await call('other', terms, pathOf(terms, missing)),
      ]
      expect(bytes(foreign), terms.operation).toBe(bytes(none))
    }
  })

  test('no key, a wrong, an expired and a revoked one are answered alike, to the byte', async () => {
    const { terms } = ROUTES.find((each) => each.terms.operation === 'getBalance') as (typeof ROUTES)[number]
    const answers = await Promise.all(
      (['nobody', 'liar', 'expired', 'revoked'] as const).map((caller) => call(caller, terms, pathOf(terms))),
    )
    expect(new Set(answers.map(bytes)).size).toBe(1)
  })

  test('an organisation reads all that is its own with its key, without saying who it is', async () => {
    const reading = ROUTES.filter(({ terms }) => terms.scope === 'tenant' && terms.method === 'get')
    expect(reading.length).toBeGreaterThan(9)
    for (const { terms } of reading) {
      if (terms.path.endsWith('/events')) continue
      const answer = await call('own', terms, pathOf(terms).replace('?organization_id=acme', ''))
      expect([terms.operation, answer.status]).toEqual([terms.operation, 200])
    }
  })

  test('what belongs to nobody in particular is not told to an organisation either', async () => {
    const answer = await ask('/api/v1/no-such-route', { headers: { Authorization: `Bearer ${keys.own}` } })
    expectProblem(answer, 404, 'not-found')
    expectProblem(await ask('/api/v1/no-such-route'), 401, 'unauthorized')
  })
})
