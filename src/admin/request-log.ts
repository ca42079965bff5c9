import type { IncomingMessage, ServerResponse } from 'node:http'
import { pinoHttp } from 'pino-http'
import { newId } from '../foundation/ids.ts'
import { toLoggedError } from '../foundation/logged-error.ts'
import { inRequest } from '../foundation/request-context.ts'
import type { AdminDependencies } from './dependencies.ts'

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
export function requestLog(logger: AdminDependencies['logger']) {
  const log = pinoHttp({
    logger,
    genReqId(req: IncomingMessage, res: ServerResponse) {
      const given = req.headers['x-request-id']
      const id = typeof given === 'string' && FOREIGN_ID.test(given) ? given : newId()
      res.setHeader('X-Request-Id', id)
      return id
    },
    quietReqLogger: true,
    serializers: {
      req: ({ id, method, url }: { id: unknown; method: unknown; url: unknown }) => {
        return { id, method, url: toLoggedUrl(String(url)) }
      },
      res: ({ statusCode }: { statusCode: unknown }) => ({ statusCode }),
      err: ({ raw }: { raw: unknown }) => toLoggedError(raw),
    },
    customLogLevel: (req, res, error) => {
      if (error || res.statusCode >= 500) return 'error'
      return QUIET.test(pathOf(req)) ? 'debug' : 'info'
    },
  })
  return (req: IncomingMessage, res: ServerResponse, next: () => void): void => {
    log(req, res)
    inRequest(String(req.id), next)
  }
}

/** As it was asked for: where it is answered, a router has taken the beginning off. */
function pathOf(req: IncomingMessage): string {
  const { originalUrl } = req as { originalUrl?: unknown }
  return typeof originalUrl === 'string' ? originalUrl : (req.url ?? '')
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
