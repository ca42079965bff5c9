import { created, noContent, ok } from '../answer.ts'
import type { AdminDependencies } from '../dependencies.ts'
import { listOf } from '../json/answer-fields.ts'
import {
  apiKeyAnswer,
  apiKeyToJson,
  newAdminKey,
  newApiKeyAnswer,
  newOrganizationKey,
  newSecretToJson,
  rotation,
} from '../json/api-key-json.ts'
import { accountPart, uuidPart } from '../parameters.ts'
import { type Asked, answer, type RouteTerms, route } from '../route.ts'

const TAG = 'API keys'
const SECRETS =
  'The secret stands in this answer and nowhere else, so that it takes neither a dry run nor an Idempotency-Key.'
const SHOWN = { 201: answer('The key, with its secret', newApiKeyAnswer) }
const LISTED = { 200: answer('Keys, newest first, ended ones too', listOf(apiKeyAnswer)) }
const GONE = { 204: answer('The key is refused from now on, in every process within a second', null) }

const OF_ORGANIZATION = '/admin/organizations/{id}/api-keys'
const organization = { id: accountPart('The organisation') }
const organizationKey = { ...organization, keyId: uuidPart('The key') }

const OF_ADMINS = '/admin/api-keys'
const adminKey = { keyId: uuidPart('The key') }

/** /admin/organizations/{id}/api-keys: keys for what an organisation may do, or one member of it. */
export const organizationKeyRoutes = [
  route(
    {
      method: 'post',
      path: OF_ORGANIZATION,
      operation: 'createOrganizationKey',
      tag: TAG,
      summary: 'Make a key for an organisation, or for one member of it',
      description: SECRETS,
      scope: 'admin',
      params: organization,
      body: newOrganizationKey,
      answers: SHOWN,
      problems: ['not-a-member'],
    },
    ({ params: { id }, body, ...asked }, deps) => create(asked, deps, id, body),
  ),
  route(
    {
      method: 'get',
      path: OF_ORGANIZATION,
      operation: 'listOrganizationKeys',
      tag: TAG,
      summary: 'List the keys of an organisation',
      scope: 'admin',
      params: organization,
      list: true,
      answers: LISTED,
    },
    ({ params: { id }, ...asked }, deps) => list(asked, deps, id),
  ),
  route(
    {
      method: 'delete',
      path: `${OF_ORGANIZATION}/{keyId}`,
      operation: 'revokeOrganizationKey',
      tag: TAG,
      summary: 'Revoke a key of an organisation',
      scope: 'admin',
      params: organizationKey,
      dryRun: true,
      answers: GONE,
    },
    ({ params: { id, keyId }, ...asked }, deps) => revoke(asked, deps, id, keyId),
  ),
  route(
    {
      method: 'post',
      path: `${OF_ORGANIZATION}/{keyId}/rotate`,
      operation: 'rotateOrganizationKey',
      tag: TAG,
      summary: 'Make the successor of a key, beside which the old one lives for a while',
      description: SECRETS,
      scope: 'admin',
      params: organizationKey,
      body: rotation,
      bodyMayLack: true,
      answers: SHOWN,
      problems: ['cannot-rotate', 'not-a-member'],
    },
    ({ params: { id, keyId }, body, ...asked }, deps) => rotate(asked, deps, id, keyId, body),
  ),
]

/** /admin/api-keys: keys for people who run this installation. */
export const adminKeyRoutes = [
  route(
    {
      method: 'post',
      path: OF_ADMINS,
      operation: 'createAdminKey',
      tag: TAG,
      summary: 'Make a key for an admin or an operator',
      description: SECRETS,
      scope: 'admin',
      body: newAdminKey,
      answers: SHOWN,
    },
    ({ body, ...asked }, deps) => create(asked, deps, null, body),
  ),
  route(
    {
      method: 'get',
      path: OF_ADMINS,
      operation: 'listAdminKeys',
      tag: TAG,
      summary: 'List the keys of admins and operators',
      scope: 'admin',
      list: true,
      answers: LISTED,
    },
    (asked, deps) => list(asked, deps, null),
  ),
  route(
    {
      method: 'delete',
      path: `${OF_ADMINS}/{keyId}`,
      operation: 'revokeAdminKey',
      tag: TAG,
      summary: 'Revoke a key of an admin or an operator',
      scope: 'admin',
      params: adminKey,
      dryRun: true,
      answers: GONE,
    },
    ({ params: { keyId }, ...asked }, deps) => revoke(asked, deps, null, keyId),
  ),
  route(
    {
      method: 'post',
      path: `${OF_ADMINS}/{keyId}/rotate`,
      operation: 'rotateAdminKey',
      tag: TAG,
      summary: 'Make the successor of a key, beside which the old one lives for a while',
      description: SECRETS,
      scope: 'admin',
      params: adminKey,
      body: rotation,
      bodyMayLack: true,
      answers: SHOWN,
      problems: ['cannot-rotate'],
    },
    ({ params: { keyId }, body, ...asked }, deps) => rotate(asked, deps, null, keyId, body),
  ),
]

type Owner = string | null
type Keys = Pick<AdminDependencies, 'apiKeys'>
type Change = Pick<Asked<RouteTerms>, 'change' | 'principal'>

const pathOf = (owner: Owner): string => `/api/v1/admin/${owner === null ? '' : `organizations/${owner}/`}api-keys`

/** What a new key is good for, by its role. */
const FIRST_REQUESTS = {
  admin: 'GET /api/v1/admin/organizations',
  operator: 'GET /admin/queues',
  organization: 'GET /api/v1/balance',
} as const

function create(
  { change, principal }: Change,
  { apiKeys }: Keys,
  owner: Owner,
  input: Parameters<typeof apiKeys.create>[2],
) {
  return change(async (em) => {
    const made = await apiKeys.create(em, owner, input, principal)
    return {
      answer: created(pathOf(owner), newSecretToJson(made, FIRST_REQUESTS[made.key.role])),
      audit: { ...recordOf('create', owner, made.key.id), before: null, after: apiKeyToJson(made.key) },
    }
  })
}

function list(
  { page, pageOf, read }: Pick<Asked<RouteTerms>, 'page' | 'pageOf' | 'read'>,
  { apiKeys }: Keys,
  owner: Owner,
) {
  const name = `api-keys ${owner ?? ''}`
  const { limit, position } = page(name)
  return read(async (em) => {
    const { keys, more } = await apiKeys.list(em, owner, { limit, before: position && String(position[0]) })
    return ok(pageOf(name, keys.map(apiKeyToJson), more ? keys.at(-1)?.id : null))
  })
}

function revoke({ change }: Change, { apiKeys }: Keys, owner: Owner, id: string) {
  return change(async (em) => {
    const { before, after } = await apiKeys.revoke(em, owner, id)
    const audit = { ...recordOf('revoke', owner, id), before: apiKeyToJson(before), after: apiKeyToJson(after) }
    return { answer: noContent(), audit: before.revokedAt === null ? audit : null }
  })
}

function rotate(
  { change, principal }: Change,
  { apiKeys }: Keys,
  owner: Owner,
  id: string,
  terms: Parameters<typeof apiKeys.rotate>[3],
) {
  return change(async (em) => {
    const { before, after, successor } = await apiKeys.rotate(em, owner, id, terms, principal)
    const path = pathOf(owner)
    return {
      // The old key ends by itself; this ends it as soon as nobody needs it any more.
      answer: created(path, newSecretToJson(successor, `DELETE ${path}/${id}`)),
      audit: {
        ...recordOf('rotate', owner, id),
        before: apiKeyToJson(before),
        after: { ...apiKeyToJson(after), successor: apiKeyToJson(successor.key) },
      },
    }
  })
}

const recordOf = (verb: 'create' | 'revoke' | 'rotate', organizationId: Owner, id: string) => {
  return { action: `api-key.${verb}`, organizationId, target: `api-key ${id}` }
}
