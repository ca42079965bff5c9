import type { Request } from 'express'
import type { EntityManager } from '../database/transaction.ts'
import { ConflictError, NotFoundError, ValidationError } from '../foundation/errors.ts'
import type { Mandate, Principal } from '../foundation/mandate.ts'
import { organizationFor } from './access/isolation.ts'
import { type Answer, given, kept, tagOf } from './answer.ts'
import type { AdminDependencies } from './dependencies.ts'
import { mandateOf } from './mandate.ts'
import type { Cursors } from './page.ts'
import { cursor, flag, invalidQuery, limit, organizationId } from './parameters.ts'
import { bodyIfAny, bodyOf, refuseBody } from './parse.ts'
import type { Asked, Change, RouteTerms } from './route.ts'

/** What routes stand on, and what they are read with. */
export type ServedBy = AdminDependencies & { readonly cursors: Cursors }

const LIST = { limit, cursor }
const DRY_RUN = { dry_run: flag('dry_run', 'Decides like any other request, answers, and changes nothing') }
const WHOSE = { organization_id: organizationId }

/** Every parameter of the query that a route takes, by name. */
export function queryOf(terms: RouteTerms): NonNullable<RouteTerms['query']> {
  const isTold = terms.organization === 'query' || terms.organization === 'any'
  return {
    ...terms.query,
    ...(terms.list && LIST),
    ...(terms.dryRun && DRY_RUN),
    ...(isTold && WHOSE),
  }
}

/** Reads a request by the terms of its route. @param known the parameters of {@link queryOf} @throws what the request is refused with */
export function asked(
  req: Request,
  terms: RouteTerms,
  known: NonNullable<RouteTerms['query']>,
  principal: Principal,
  deps: ServedBy,
): Asked<RouteTerms> {
  refuseUnknown(req, Object.keys(known))
  const params = readParams(req, terms)
  const query = read(known, req.query)
  const body = readBody(req, terms)
  const whose = organizationOf(terms, query, body, principal)
  const mandate = mandateOf(req, terms, principal, query.dry_run === true)
  const { inTransaction, inTenantTransaction } = deps
  const { userId } = principal
  const condition = conditionOf(req)
  return {
    params,
    query,
    body: body as undefined,
    principal,
    mandate,
    organizationId: whose,
    page(list) {
      const [size, place] = [query.limit as number, query.cursor as string | null]
      return { limit: size, position: place === null ? null : deps.cursors.read(list, place) }
    },
    pageOf: (list, data, ...next) => ({ data, next_cursor: deps.cursors.write(list, next) }),
    // Whoever asks about one organisation sees no other, also where a query forgets to say whose rows it wants.
    read: (work) =>
      whose === null ? inTransaction(work) : inTenantTransaction({ organizationId: whose, userId }, work),
    change: (work) => change(deps, mandate, terms.answers, work),
    order: (answer) => ({ mandate, answer: (result) => kept(answer(result), terms.answers) }),
    condition,
    requireMatch(state) {
      if (condition === null || condition(state)) return
      throw new ConflictError('stale-version', 'Somebody changed it since you looked; GET it again and decide anew')
    },
    refusePaging() {
      const given = Object.keys(LIST).find((name) => req.query[name] !== undefined)
      if (given) throw invalidQuery(`Leave ${given} out: only a dry run answers a list`)
    },
    req,
  }
}

function conditionOf(req: Request): ((state: object) => boolean) | null {
  const wanted = req.get('If-Match')
  if (wanted === undefined) return null
  const tags = wanted.split(',').map((tag) => tag.trim())
  return (state) => tags.includes('*') || tags.includes(tagOf(state))
}

/** Keys of requests that concern no organisation mean something among themselves. */
const NO_ORGANIZATION = ''

/** The record is last: from there on the log's head is locked until COMMIT. */
function change(
  { inTransaction, idempotency, auditLog }: Pick<AdminDependencies, 'inTransaction' | 'idempotency' | 'auditLog'>,
  mandate: Mandate,
  known: RouteTerms['answers'],
  work: (em: EntityManager) => Promise<Change>,
): Promise<Answer> {
  const { dryRun } = mandate
  return inTransaction(
    async (em) => {
      const before = await idempotency.replay(em, mandate, NO_ORGANIZATION)
      if (before) return given({ kind: 'answered', answer: before, replayed: true })
      const { answer, audit } = await work(em)
      if (mandate.idempotency) await idempotency.store(em, mandate, NO_ORGANIZATION, kept(answer, known))
      if (audit) await auditLog.append(em, mandate, audit)
      return answer
    },
    { dryRun },
  )
}

/** An ignored filter is a wrong answer. */
function refuseUnknown(req: Request, names: readonly string[]): void {
  for (const [name, value] of Object.entries(req.query)) {
    if (!names.includes(name)) {
      const known = names.length > 0 ? `; it takes ${names.join(', ')}` : ''
      throw invalidQuery(`This does not take the parameter "${name.slice(0, 100)}"${known}`)
    }
    if (typeof value !== 'string') throw invalidQuery(`Give the parameter ${name} once`)
  }
}

function read(fields: NonNullable<RouteTerms['query']>, given: Request['query']): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.parse(given[name])]))
}

/** @throws NotFoundError for what cannot be a parameter */
function readParams(req: Request, { params = {} }: RouteTerms): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(params).map(([name, field]) => {
      const result = field.safeParse(req.params[name])
      if (!result.success) throw new NotFoundError()
      return [name, result.data]
    }),
  )
}

function readBody(req: Request, { method, body, bodyMayLack }: RouteTerms): unknown {
  if (body === undefined) {
    if (method !== 'get') refuseBody(req)
    return undefined
  }
  return bodyMayLack ? bodyIfAny(req, body) : bodyOf(req, body)
}

/** Whom a request is about. @throws NotFoundError for somebody else than who asks may ask about */
function organizationOf(
  { scope, organization }: RouteTerms,
  query: Readonly<Record<string, unknown>>,
  body: unknown,
  principal: Principal,
): string | null {
  if (scope !== 'tenant' || organization === undefined) return null
  const { organizationId: given = null } = (organization === 'body' ? body : {}) as { organizationId?: string | null }
  const wanted = organization === 'body' ? given : ((query.organization_id ?? null) as string | null)
  const found = organizationFor(principal, wanted)
  if (found !== null || organization === 'any') return found
  if (organization === 'body') throw ValidationError.of('/organization_id', 'required', 'Give this field')
  throw invalidQuery('Say which organisation: ?organization_id=<id>')
}
