import { createHash, timingSafeEqual } from 'node:crypto'
import type { Request, RequestHandler, Response } from 'express'
import { isLoopback } from '../config/config-fields.ts'
import { ForbiddenError } from '../foundation/errors.ts'
import { setPrincipal } from './principal.ts'
import { sendProblem } from './problem.ts'

const NOBODY = { keyId: null, organizationId: null, userId: null }

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'])
/** A browser shows these to people, who give the key in its own dialog; the receipt is where the board's cards lead. */
const BROWSER_PATHS = /^\/admin(\/|$)|^\/api\/v1\/jobs\/[^/]+\/receipt$/

/**
 * Who may come in. With a key: whoever has it. Without: whoever is on this machine, which the Host header must confirm,
 * since a web page elsewhere can point its own name at 127.0.0.1 (DNS rebinding).
 * @param wrongKey passed on the way to the refusal of a key that was shown
 */
export function door(adminApiKey: string | undefined, wrongKey: RequestHandler): RequestHandler {
  return adminApiKey === undefined ? refuseForeignHosts : requireKey(adminApiKey, wrongKey)
}

const refuseForeignHosts: RequestHandler = (req, _res, next) => {
  if (!isLoopback(hostName(req.headers.host ?? ''))) {
    throw new ForbiddenError('forbidden', 'Without ADMIN_API_KEY only localhost is served; call it by that name')
  }
  setPrincipal(req, { role: 'open', ...NOBODY })
  next()
}

/** The name in a Host header, without port and brackets. */
function hostName(host: string): string {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::\d{1,5})?$/.exec(host)
  return match?.[1] ?? match?.[2] ?? ''
}

/** The same answer, after the same work, for every way of not having the key. */
function requireKey(adminApiKey: string, wrongKey: RequestHandler): RequestHandler {
  const expected = digest(adminApiKey)
  return (req, res, next) => {
    const isBrowserPath = BROWSER_PATHS.test(req.path)
    if (timingSafeEqual(digest(givenKey(req, isBrowserPath)), expected)) {
      setPrincipal(req, { role: 'admin', ...NOBODY })
      return next()
    }
    const refuse = (error?: unknown): void => (error ? next(error) : sendRefusal(res, isBrowserPath))
    if (req.headers.authorization === undefined) refuse()
    else wrongKey(req, res, refuse)
  }
}

function sendRefusal(res: Response, isBrowserPath: boolean): void {
  const realm = 'realm="Tollkeeper", charset="UTF-8"'
  res.set('WWW-Authenticate', isBrowserPath ? `Basic ${realm}` : 'Bearer')
  const detail = 'Send the header Authorization: Bearer <ADMIN_API_KEY>'
  sendProblem(res, { code: 'unauthorized', status: 401, detail })
}

/** What the request shows as its key; nothing and nonsense look like a wrong one. */
function givenKey(req: Request, takesBasic: boolean): string {
  const [, scheme = '', value = ''] = /^([A-Za-z]+) +(\S+)$/.exec(req.headers.authorization ?? '') ?? []
  if (scheme.toLowerCase() === 'bearer') return value
  if (scheme.toLowerCase() !== 'basic' || !takesBasic) return ''
  const login = Buffer.from(value, 'base64').toString()
  return login.includes(':') ? login.slice(login.indexOf(':') + 1) : ''
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
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
