import express from 'express'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { door } from '../../src/admin/access/door.ts'
import { memberFor, memberSeenBy, requireOwn } from '../../src/admin/access/isolation.ts'
import { ok } from '../../src/admin/answer.ts'
import { accountId } from '../../src/admin/fields.ts'
import { jsonBody } from '../../src/admin/json-body.ts'
import { accountPart } from '../../src/admin/parameters.ts'
import { notFound, problemHandler } from '../../src/admin/problem.ts'
import { requestLog } from '../../src/admin/request-log.ts'
import { answer, route } from '../../src/admin/route.ts'
import { serve } from '../../src/admin/serve.ts'
import { startAdminServer } from '../../src/admin/server.ts'
import type { Tollkeeper } from '../../src/composition.ts'
import { SYSTEM } from '../../src/foundation/mandate.ts'
import { CONTRACT_COMPONENTS, fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'

const answers = { 200: answer('About whom', z.looseObject({})) }
const terms = { tag: 'Test', summary: 'Tells about whom it is', answers }
const handIn = z
  .strictObject({ organization_id: z.nullable(accountId).optional(), user_id: z.nullable(accountId).optional() })
  .transform(({ organization_id: organizationId, user_id: userId }) => ({ organizationId, userId: userId ?? null }))

/** Routes of every kind that tell about whom they were asked, served as all routes are. */
const ROUTES = [
  route(
    { ...terms, method: 'get', path: '/whole', operation: 'a', scope: 'tenant', organization: 'query' },
    ({ organizationId }) => ok({ about: organizationId }),
  ),
  route(
    { ...terms, method: 'get', path: '/all', operation: 'b', scope: 'tenant', organization: 'any', members: 'own' },
    ({ organizationId, principal }) => ok({ about: organizationId, member: memberSeenBy(principal) }),
  ),
  route(
    {
      ...terms,
      ...{ method: 'post', path: '/hand-in', operation: 'c', scope: 'tenant', organization: 'body', members: 'own' },
      body: handIn,
    },
    ({ organizationId, body, principal }) => ok({ about: organizationId, member: memberFor(principal, body.userId) }),
  ),
  route(
    {
      ...terms,
      ...{ method: 'get', path: '/things/{owner}/{user}', operation: 'd', scope: 'tenant', members: 'own' },
      params: { owner: accountPart('Whose'), user: accountPart('Of which member') },
    },
    ({ params, principal }) => {
      requireOwn(principal, { organizationId: params.owner, userId: params.user })
      return ok({ about: params.owner, member: params.user })
    },
  ),
]

let world: World
let server: Awaited<ReturnType<typeof startAdminServer>>
const secrets = new Map<string, string>()

beforeAll(async () => {
  world = await openWorld('postgres', { LOG_LEVEL: 'silent' })
  const tollkeeper = await world.open()
  await fundedOrganization(tollkeeper, 'acme', '10.00', CONTRACT_COMPONENTS)
  await tollkeeper.teams.addMember('acme', 'ann')
  for (const who of ['admin', 'operator', 'acme', 'ann']) secrets.set(who, await secretFor(tollkeeper, who))
  const app = express()
  app.use(
    requestLog(tollkeeper.logger),
    door({ ...tollkeeper, config: { adminApiKey: undefined } }, (_req, _res, next) => next()),
    jsonBody(1_000),
  )
  app.use(serve(ROUTES, tollkeeper), notFound, problemHandler(tollkeeper.logger))
  server = await startAdminServer(app, { host: '127.0.0.1', port: 0 })
})
afterAll(async () => {
  await server.close(0)
  await world.close()
})

async function secretFor(tollkeeper: Tollkeeper, who: string): Promise<string> {
  const role = who === 'admin' || who === 'operator' ? who : 'organization'
  const input = { role, name: who, userId: who === 'ann' ? 'ann' : null, expiresAt: null } as const
  const owner = role === 'organization' ? 'acme' : null
  const made = await tollkeeper.inTransaction((em) => tollkeeper.apiKeys.create(em, owner, input, SYSTEM.principal))
  return made.secret
}

async function ask(who: string, path: string, body?: object): Promise<string> {
  const secret = secrets.get(who)
  const headers = { ...(secret && { Authorization: `Bearer ${secret}` }), 'Content-Type': 'application/json' }
  const sent = body ? { method: 'POST', body: JSON.stringify(body) } : {}
  const response = await fetch(server.url + path, { headers, ...sent })
  const json = (await response.json()) as Readonly<Record<string, string | null>>
  if (response.status !== 200) return `${response.status} ${json.code}`
  return `${json.about ?? 'everybody'}${json.member === undefined ? '' : `/${json.member ?? ''}`}`
}

describe('a tenant’s route', () => {
  test.each([
    ['open', '/whole', '400 invalid-query'],
    ['open', '/whole?organization_id=other', 'other'],
    ['open', '/all', 'everybody/'],
    ['admin', '/whole?organization_id=acme', 'acme'],
    ['operator', '/whole?organization_id=acme', 'acme'],
    ['operator', '/all?organization_id=other', 'other/'],
    ['acme', '/whole', 'acme'],
    ['acme', '/whole?organization_id=acme', 'acme'],
    ['acme', '/whole?organization_id=other', '404 not-found'],
    ['acme', '/whole?organization_id=nobody', '404 not-found'],
    ['acme', '/whole?organization_id=..', '404 not-found'],
    ['acme', '/all', 'acme/'],
    ['acme', '/all?organization_id=other', '404 not-found'],
    ['acme', '/things/acme/bob', 'acme/bob'],
    ['acme', '/things/other/bob', '404 not-found'],
    ['ann', '/whole', '403 forbidden'],
    ['ann', '/whole?organization_id=other', '403 forbidden'],
    ['ann', '/all', 'acme/ann'],
    ['ann', '/all?organization_id=other', '404 not-found'],
    ['ann', '/things/acme/ann', 'acme/ann'],
    ['ann', '/things/acme/bob', '404 not-found'],
    ['ann', '/things/other/ann', '404 not-found'],
    ['operator', '/things/other/bob', 'other/bob'],
  ])('asked by %s for %s is about %s', async (who, path, about) => {
    expect(await ask(who, path)).toBe(about)
  })

  test.each([
    ['open', {}, '422 validation'],
    ['open', { organization_id: 'other', user_id: 'bob' }, 'other/bob'],
    ['operator', { organization_id: 'acme' }, '403 forbidden'],
    ['acme', {}, 'acme/'],
    ['acme', { user_id: 'bob' }, 'acme/bob'],
    ['acme', { organization_id: 'other' }, '404 not-found'],
    ['ann', {}, 'acme/ann'],
    ['ann', { organization_id: 'acme', user_id: 'ann' }, 'acme/ann'],
    ['ann', { user_id: 'bob' }, '403 forbidden'],
    ['ann', { organization_id: 'other', user_id: 'ann' }, '404 not-found'],
  ])('takes from %s the body %j as %s', async (who, body, about) => {
    expect(await ask(who, '/hand-in', body)).toBe(about)
  })

  test('of somebody else answers like one of nobody, to the byte', async () => {
    const texts = await Promise.all(
      ['/whole?organization_id=other', '/whole?organization_id=nobody', '/things/other/bob', '/nowhere'].map(
        async (path) => {
          const headers = { Authorization: `Bearer ${secrets.get('acme')}` }
          const response = await fetch(server.url + path, { headers })
          return (await response.text()).replace(response.headers.get('X-Request-Id') ?? '', '')
        },
      ),
    )
    expect(new Set(texts).size).toBe(1)
  })
})
