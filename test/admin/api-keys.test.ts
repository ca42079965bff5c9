import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Answer, type Ask, type Door, expectProblem, openDoor, publishedTariff } from './open-door.ts'

const KEY = 'a-key-that-only-the-operator-has-0123456789'
const TARIFFS = '/api/v1/admin/tariffs'
const OF_ADMINS = '/api/v1/admin/api-keys'
const OF_ACME = '/api/v1/admin/organizations/acme/api-keys'
const DAY_MS = 86_400_000

let door: Door
let locked: { readonly ask: Ask; readonly url: string }
beforeAll(async () => {
  door = await openDoor()
  locked = await door.withKey(KEY)
  const tariff = await publishedTariff(door.ask)
  for (const id of ['acme', 'other']) {
    const made = await door.ask('/api/v1/admin/organizations', { body: { id, tariff_id: tariff } })
    expect(made.status).toBe(201)
  }
  for (const user_id of ['ann', 'bob'])
    await door.ask('/api/v1/admin/organizations/acme/members', { body: { user_id } })
})
afterAll(() => door.close())

const bearer = (secret: unknown) => ({ headers: { Authorization: `Bearer ${secret}` } })
const basic = (login: string) => ({ headers: { Authorization: `Basic ${Buffer.from(login).toString('base64')}` } })

async function made(path: string, body: object): Promise<Answer['body'] & { readonly secret: string }> {
  const answer = await door.ask(path, { body })
  expect(answer.status).toBe(201)
  return answer.body as Answer['body'] & { readonly secret: string }
}

/** By hand, as the owner: no process is told. */
const changeKey = (sql: string, id: string) => door.database.query(sql, [id])

const keys = () => door.database.query(`select to_jsonb(k) - 'last_used_at' from tollkeeper.api_keys k order by id`)

describe('a key is made', () => {
  test('for an organisation, and shown once', async () => {
    const answer = await door.ask(OF_ACME, { body: { name: 'backend', expires_at: '2099-01-01T00:00:00+01:00' } })
    const { id, secret } = answer.body as Answer['body'] & { readonly secret: string }
    const shown = {
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      role: 'organization',
      organization_id: 'acme',
      user_id: null,
      name: 'backend',
      prefix: 'tk_org_',
      hint: secret.slice(-4),
      state: 'active',
      created_at: expect.stringMatching(/Z$/),
      created_by: 'open',
      expires_at: '2098-12-31T23:00:00.000Z',
      last_used_at: null,
      revoked_at: null,
      rotated_from: null,
    }
    expect(answer.body).toEqual({ ...shown, secret, next: 'GET /api/v1/balance' })
    expect(answer.headers.get('Location')).toBe(OF_ACME)
    expect(secret).toMatch(/^tk_org_[0-9A-Za-z]{49}$/)
    const listed = await door.ask(OF_ACME)
    expect(listed.body.data.find((key) => key.id === id)).toEqual({ ...shown, next: null })
    expect(listed.text).not.toContain(secret.slice(8, -6))
  })

  test('for a member, an operator and an admin', async () => {
    expect(await made(OF_ACME, { name: 'ann', user_id: 'ann' })).toMatchObject({ user_id: 'ann', prefix: 'tk_org_' })
    const operator = await made(OF_ADMINS, { name: 'night shift', role: 'operator' })
    expect(operator).toMatchObject({ organization_id: null, prefix: 'tk_operator_', next: 'GET /admin/queues' })
    expect(await made(OF_ADMINS, { name: 'ops', role: 'admin' })).toMatchObject({ role: 'admin', prefix: 'tk_admin_' })
  })

  test('and says which key made it', async () => {
    const admin = await made(OF_ADMINS, { name: 'maker', role: 'admin' })
    const answer = await locked.ask(OF_ACME, { body: { name: 'made' }, ...bearer(admin.secret) })
    expect(answer.body).toMatchObject({ created_by: admin.id })
  })

  test.each<[string, string, unknown, number, string]>([
    ['no name', OF_ACME, {}, 422, 'required'],
    ['a blank name', OF_ACME, { name: ' ' }, 422, 'invalid-value'],
    ['a role of its own', OF_ACME, { name: 'x', role: 'admin' }, 422, 'unknown-field'],
    ['a secret of its own', OF_ACME, { name: 'x', secret: 'tk_org_1' }, 422, 'unknown-field'],
    ['an end that is past', OF_ACME, { name: 'x', expires_at: '2020-01-01T00:00:00Z' }, 422, 'out-of-range'],
    ['an end without a zone', OF_ACME, { name: 'x', expires_at: '2099-01-01T00:00:00' }, 422, 'invalid-value'],
    ['an end that is no day', OF_ACME, { name: 'x', expires_at: '2099-02-30T00:00:00Z' }, 422, 'invalid-value'],
    ['an end that is a number', OF_ACME, { name: 'x', expires_at: 1 }, 422, 'invalid-type'],
    ['a user that is none', OF_ACME, { name: 'x', user_id: '../x' }, 422, 'invalid-value'],
    ['no role', OF_ADMINS, { name: 'x' }, 422, 'required'],
    ['a role for organisations', OF_ADMINS, { name: 'x', role: 'organization' }, 422, 'invalid-value'],
    ['an organisation', OF_ADMINS, { name: 'x', role: 'admin', organization_id: 'acme' }, 422, 'unknown-field'],
    ['somebody who is no member', OF_ACME, { name: 'x', user_id: 'zoe' }, 403, 'not-a-member'],
    ['nobody', '/api/v1/admin/organizations/nobody/api-keys', { name: 'x' }, 404, 'not-found'],
  ])('never for %s', async (_what, path, body, status, code) => {
    const before = await keys()
    const answer = await door.ask(path, { body })
    expectProblem(answer, status, status === 422 ? 'validation' : code)
    if (status === 422) expect(answer.body.errors[0]?.code).toBe(code)
    expect(await keys()).toEqual(before)
  })

  test('and takes neither a dry run nor a place in a list of another owner', async () => {
    const before = await keys()
    expectProblem(await door.ask(`${OF_ACME}?dry_run=true`, { body: { name: 'x' } }), 400, 'invalid-query')
    expect(await keys()).toEqual(before)
    const first = await door.ask(`${OF_ACME}?limit=1`)
    expect(first.body.data).toHaveLength(1)
    const cursor = `limit=1&cursor=${first.body.next_cursor}`
    expect((await door.ask(`${OF_ACME}?${cursor}`)).body.data[0]?.id).not.toBe(first.body.data[0]?.id)
    expectProblem(await door.ask(`${OF_ADMINS}?${cursor}`), 400, 'invalid-cursor')
  })
})

describe('a key opens', () => {
  test.each([
    ['admin', 'GET', TARIFFS, 200],
    ['admin', 'GET', OF_ADMINS, 200],
    ['admin', 'GET', '/admin/queues/', 200],
    ['operator', 'GET', TARIFFS, 200],
    ['operator', 'POST', TARIFFS, 403],
    ['operator', 'GET', OF_ADMINS, 403],
    ['operator', 'POST', OF_ADMINS, 403],
    ['operator', 'GET', OF_ACME, 403],
    ['operator', 'GET', '/admin/queues/', 200],
    ['operator', 'PUT', '/admin/queues/api/queues/resume', 200],
    ['acme', 'GET', TARIFFS, 403],
    ['acme', 'POST', TARIFFS, 403],
    ['acme', 'GET', OF_ACME, 403],
    ['acme', 'POST', OF_ACME, 403],
    ['acme', 'GET', '/api/v1/admin/verify', 403],
    ['acme', 'GET', '/admin/queues/', 403],
    ['acme', 'PUT', '/admin/queues/api/queues/pause', 403],
    ['ann', 'GET', OF_ACME, 403],
    ['ann', 'GET', '/admin', 403],
  ])('%s: %s %s is answered with %i, on the open door and the locked one', async (who, method, path, status) => {
    const secret = await secretOf(who)
    const body = method === 'POST' ? { body: {} } : {}
    for (const { ask } of [door, locked]) {
      const before = await door.traces()
      const answer = await ask(path, { method, ...body, ...bearer(secret) })
      expect(answer.status).toBe(status)
      if (status === 403) expectProblem(answer, 403, 'forbidden')
      expect(await door.traces()).toEqual(before)
    }
  })

  test('to browsers by their dialog: the board to operators, and to organisations nothing of it', async () => {
    expect((await locked.ask('/admin/queues/', basic(`me:${await secretOf('operator')}`))).status).toBe(200)
    expectProblem(await locked.ask('/admin/queues/', basic(`me:${await secretOf('acme')}`)), 403, 'forbidden')
    expectProblem(await locked.ask(TARIFFS, basic(`me:${await secretOf('operator')}`)), 401, 'unauthorized')
  })
})

const secrets = new Map<string, string>()
async function secretOf(who: string): Promise<string> {
  const known = secrets.get(who)
  if (known) return known
  const isOrganization = who === 'acme' || who === 'ann'
  const user = who === 'ann' ? { user_id: 'ann' } : {}
  const body = isOrganization ? { name: who, ...user } : { name: who, role: who }
  const { secret } = await made(isOrganization ? OF_ACME : OF_ADMINS, body)
  secrets.set(who, secret)
  return secret
}

describe('whoever shows no key that lives', () => {
  const ended = async (how: 'revoke' | 'expire' | 'rotate' | 'leave' | 'never' | 'mistype'): Promise<string> => {
    const member = how === 'leave' ? { user_id: 'bob' } : {}
    const { id, secret } = await made(OF_ACME, { name: how, ...member })
    if (how === 'revoke') expect((await door.ask(`${OF_ACME}/${id}`, { method: 'DELETE' })).status).toBe(204)
    if (how === 'expire') await changeKey('update tollkeeper.api_keys set expires_at = now() where id = $1', id)
    if (how === 'rotate') await made(`${OF_ACME}/${id}/rotate`, { overlap_seconds: 0 })
    if (how === 'leave') await door.ask('/api/v1/admin/organizations/acme/members/bob', { method: 'DELETE' })
    if (how === 'never') await changeKey('delete from tollkeeper.api_keys where id = $1', id)
    return how === 'mistype' ? secret.replace(/.$/, (last) => (last === '0' ? '1' : '0')) : secret
  }

  test('hears the same bytes, whatever is the matter with it, on both doors, and nothing is changed', async () => {
    const shown = [undefined, 'x', `${KEY}x`]
    for (const how of ['revoke', 'rotate', 'leave', 'never', 'mistype', 'expire'] as const) shown.push(await ended(how))
    for (const { ask } of [door, locked]) {
      const answers: unknown[] = []
      for (const secret of shown) {
        if (ask === door.ask && secret === undefined) continue
        const before = await door.traces()
        const answer = await ask(TARIFFS, { body: { name: 'Forged' }, ...(secret ? bearer(secret) : {}) })
        expectProblem(answer, 401, 'unauthorized')
        expect(await door.traces()).toEqual(before)
        const headers = [...answer.headers].filter(([name]) => !['date', 'x-request-id'].includes(name))
        answers.push([headers, answer.text.replace(answer.body.request_id, '')])
      }
      expect(answers.length).toBeGreaterThan(7)
      expect(new Set(answers.map((each) => JSON.stringify(each))).size).toBe(1)
    }
  })

  test('is not let in as anybody where the door is open', async () => {
    expect((await door.ask(TARIFFS)).status).toBe(200)
    for (const headers of [{ Authorization: 'Bearer x' }, { Authorization: '' }, basic('admin:x').headers]) {
      expectProblem(await door.ask(TARIFFS, { headers }), 401, 'unauthorized')
    }
  })
})

describe('rotation', () => {
  test('answers the successor, and what ends the old key', async () => {
    const first = await made(OF_ACME, { name: 'rotated' })
    const answer = await door.ask(`${OF_ACME}/${first.id}/rotate`, { method: 'POST' })
    expect(answer.status).toBe(201)
    const next = `DELETE ${OF_ACME}/${first.id}`
    expect(answer.body).toMatchObject({ name: 'rotated', state: 'active', rotated_from: first.id, next })
    const old = (await door.ask(OF_ACME)).body.data.find(({ id }) => id === first.id)
    expect(old).toMatchObject({ state: 'rotating', revoked_at: null })
    expect(Date.parse(String(old?.expires_at)) - Date.now()).toBeGreaterThan(DAY_MS - 60_000)
    expectProblem(await door.ask(`${OF_ACME}/${first.id}/rotate`, { body: {} }), 409, 'cannot-rotate')
    const [method = '', path = ''] = next.split(' ')
    expect((await door.ask(path, { method })).status).toBe(204)
  })

  test.each([
    ['a negative overlap', { overlap_seconds: -1 }],
    ['an overlap of more than a month', { overlap_seconds: 2_592_001 }],
    ['half a second', { overlap_seconds: 0.5 }],
    ['another name', { name: 'x' }],
  ])('is refused with %s', async (_what, body) => {
    const { id } = await made(OF_ADMINS, { name: 'kept', role: 'operator' })
    const before = await keys()
    expectProblem(await door.ask(`${OF_ADMINS}/${id}/rotate`, { body }), 422, 'validation')
    expect(await keys()).toEqual(before)
  })

  test.each([
    ['an organisation’s among those of admins', OF_ACME, OF_ADMINS],
    ['an admin’s among those of an organisation', OF_ADMINS, OF_ACME],
    ['one organisation’s among another’s', OF_ACME, OF_ACME.replace('acme', 'other')],
  ])('and revocation find no key of %s', async (_what, path, elsewhere) => {
    const { id } = await made(path, path === OF_ADMINS ? { name: 'x', role: 'admin' } : { name: 'x' })
    const before = await keys()
    expectProblem(await door.ask(`${elsewhere}/${id}/rotate`, { body: {} }), 404, 'not-found')
    expectProblem(await door.ask(`${elsewhere}/${id}`, { method: 'DELETE' }), 404, 'not-found')
    expect(await keys()).toEqual(before)
  })
})
