import type { RequestHandler } from 'express'
import { newId } from '../foundation/ids.ts'
import { inRequest } from '../foundation/request-context.ts'
import type { AdminDependencies } from './dependencies.ts'

declare global {
  namespace Express {
    interface Request {
      /** Of the request, from X-Request-Id or drawn. */
      id: string
    }
  }
}

/** An id that a proxy gave is kept, so that its log and ours meet; anything else in that header is replaced. */
const FOREIGN_ID = /^[A-Za-z0-9._-]{1,64}$/
/** Parameters whose values say what was asked for. Of any other only the name is logged: somebody may have put a key there. */
const PLAIN_PARAMETERS = new Set([
  'organization_id',
  'limit',
  'version',
  'state',
  'sort',
  'from',
  'to',
  'by',
  'group_by',
  'time_zone',
  'format',
  'dry_run',
])
const URL_MAX = 500

/**
 * One line per request, without headers and bodies: no key and no text of a customer gets into the log. Whatever is logged
 * on the way to the answer bears the request's id.
 */
export function requestLog(logger: AdminDependencies['logger']): RequestHandler {
  return (req, res, next) => {
    const startedAt = performance.now()
    const given = req.headers['x-request-id']
    const id = typeof given === 'string' && FOREIGN_ID.test(given) ? given : newId()
    req.id = id
    res.setHeader('X-Request-Id', id)
    let failure: Error | undefined
    res.once('error', (error) => {
      failure = error
    })
    // It is told behind the answer, however that ended.
    res.once('close', () => {
      const { method } = req
      const line = {
        req: { id, method, url: toLoggedUrl(req.originalUrl) },
        res: { statusCode: res.statusCode },
        responseTime: Math.round(performance.now() - startedAt),
        ...(failure && { err: failure }),
      }
      if (failure || res.statusCode >= 500) logger.error(line, 'request errored')
      else if (!res.writableFinished) logger.info(line, 'request aborted')
      else if (QUIET.test(req.originalUrl)) logger.debug(line, 'request completed')
      else logger.info(line, 'request completed')
    })
    inRequest(id, next)
  }
}

/** Asked for every few seconds, by machines. */
const QUIET = /^\/(health\/|metrics$|admin\/queues\/)/

/** A path with its parameters, whose values are left out unless they are known to be harmless. */
function toLoggedUrl(url: string): string {
  const [path = '', query] = url.split('?', 2)
  if (query === undefined) return path.slice(0, URL_MAX)
  const shown = query.split('&').map((pair) => {
    const [name = '', value] = pair.split('=', 2)
    return value === undefined || PLAIN_PARAMETERS.has(name) ? pair : `${name}=[cut]`
  })
  return `${path}?${shown.join('&')}`.slice(0, URL_MAX)
}
