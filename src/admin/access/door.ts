import { hash, timingSafeEqual } from 'node:crypto'
import type { Request, RequestHandler, Response } from 'express'
import { isLoopback } from '../../config/config-fields.ts'
import { ForbiddenError } from '../../foundation/errors.ts'
import type { Principal } from '../../foundation/mandate.ts'
import type { ApiKeyManager } from '../../managers/api-key.manager.ts'
import type { AdminDependencies } from '../dependencies.ts'
import { principalOf, setPrincipal } from '../principal.ts'
import { sendProblem } from '../problem.ts'
import type { Scope } from '../route.ts'
import { requireAllowed } from './allows.ts'

const NOBODY = { keyId: null, organizationId: null, userId: null } as const
const OPEN: Principal = { role: 'open', ...NOBODY }
/** Whoever has ADMIN_API_KEY, which stands in no table. */
const ADMIN: Principal = { role: 'admin', ...NOBODY }

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'])
/** A browser shows these to people, who give the key in its own dialog; the receipt is where the board's cards lead. */
const BROWSER_PATHS = /^\/admin(\/|$)|^\/api\/v1\/jobs\/[^/]+\/receipt$/

/** What the door asks whom a secret stands for. */
type Keys = Pick<ApiKeyManager, 'authenticate'>
type DoorDependencies = Pick<AdminDependencies, 'auditLog'> & {
  readonly config: Pick<AdminDependencies['config'], 'adminApiKey'>
  readonly apiKeys: Keys
}

const REFUSED_KEY = { action: 'access.refused', organizationId: null, target: 'key', before: null, after: null }

/**
 * Who comes in, and as whom. Without ADMIN_API_KEY whoever is on this machine and shows nothing comes in, which the Host
 * header must confirm, since a web page elsewhere can point its own name at 127.0.0.1 (DNS rebinding). A key that is shown
 * counts in either case, and a wrong one is refused: whoever means to be somebody is not let in as anybody.
 * @param wrongKey passed on the way to the refusal of a key that was shown
 */
export function door(
  { config: { adminApiKey }, apiKeys, auditLog }: DoorDependencies,
  wrongKey: RequestHandler,
): RequestHandler {
  const expected = adminApiKey === undefined ? null : digest(adminApiKey)
  return async (req, res, next) => {
    if (expected === null) refuseForeignHosts(req)
    const isBrowserPath = BROWSER_PATHS.test(req.baseUrl + req.path)
    const shown = shownBy(req, isBrowserPath)
    const principal = shown === null && expected === null ? OPEN : await whoShows(shown ?? '', expected, apiKeys)
    if (principal === null) {
      const refusal = (error?: unknown): void => (error ? next(error) : refuse(res, isBrowserPath))
      if (shown === null) return refusal()
      void auditLog.note({ principal: null, requestId: String(req.id) }, REFUSED_KEY)
      return wrongKey(req, res, refusal)
    }
    setPrincipal(req, principal)
    next()
  }
}

/** Lets through whom a scope is for, where no route says it of itself. */
export function only(scope: Scope): RequestHandler {
  return (req, _res, next) => {
    requireAllowed(principalOf(req), { scope }, req.method)
    next()
  }
}

function refuseForeignHosts(req: Request): void {
  if (isLoopback(hostName(req.headers.host ?? ''))) return
  throw new ForbiddenError('forbidden', 'Without ADMIN_API_KEY only localhost is served; call it by that name')
}

/** The name in a Host header, without port and brackets. */
function hostName(host: string): string {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::\d{1,5})?$/.exec(host)
  return match?.[1] ?? match?.[2] ?? ''
}

/** The same work for every key that is none, but that one whose form is wrong is not looked up: its checksum is no secret. */
async function whoShows(shown: string, expected: Buffer | null, keys: Keys): Promise<Principal | null> {
  if (expected !== null && timingSafeEqual(digest(shown), expected)) return ADMIN
  return keys.authenticate(shown)
}

/** The same answer for every way of having no key. */
function refuse(res: Response, isBrowserPath: boolean): void {
  const realm = 'realm="Tollkeeper", charset="UTF-8"'
  res.set('WWW-Authenticate', isBrowserPath ? `Basic ${realm}` : 'Bearer')
  const detail = 'Send a key that is valid, in the header Authorization: Bearer <key>'
  sendProblem(res, { code: 'unauthorized', status: 401, detail })
}

/** What a request shows as its key: nonsense looks like a wrong one; null without any. */
function shownBy({ headers }: Request, takesBasic: boolean): string | null {
  if (headers.authorization === undefined) return null
  const [, scheme = '', value = ''] = /^([A-Za-z]+) +(\S+)$/.exec(headers.authorization) ?? []
  if (scheme.toLowerCase() === 'bearer') return value
  if (scheme.toLowerCase() !== 'basic' || !takesBasic) return ''
  const login = Buffer.from(value, 'base64').toString()
  return login.includes(':') ? login.slice(login.indexOf(':') + 1) : ''
}

function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer')
}

/** Refuses what a page of another site makes a browser do here, with the browser's stored login or the open loopback. */
export const refuseCrossSite: RequestHandler = (req, _res, next) => {
  if (SAFE_METHODS.has(req.method)) return next()
  const { origin, host } = req.headers
  const site = req.headers['sec-fetch-site']
  const isForeignOrigin = origin !== undefined && URL.parse(origin)?.host !== host?.toLowerCase()
  const isForeignSite = site !== undefined && site !== 'same-origin' && site !== 'none'
  if (isForeignOrigin || isForeignSite) {
    throw new ForbiddenError('forbidden', 'This came from a page of another site; call the API yourself')
  }
  next()
}
