import type { IncomingMessage, ServerResponse } from 'node:http'
import { pinoHttp } from 'pino-http'
import { newId } from '../foundation/ids.ts'
import type { AdminDependencies } from './dependencies.ts'

/** An id that a proxy gave is kept, so that its log and ours meet; anything else in that header is replaced. */
const FOREIGN_ID = /^[A-Za-z0-9._-]{1,64}$/

/** One line per request, without headers and bodies: no key and no text of a customer gets into the log. */
export function requestLog(logger: AdminDependencies['logger']) {
  return pinoHttp({
    logger,
    genReqId(req: IncomingMessage, res: ServerResponse) {
      const given = req.headers['x-request-id']
      const id = typeof given === 'string' && FOREIGN_ID.test(given) ? given : newId()
      res.setHeader('X-Request-Id', id)
      return id
    },
    quietReqLogger: true,
    serializers: {
      req: ({ id, method, url }: { id: unknown; method: unknown; url: unknown }) => ({ id, method, url }),
      res: ({ statusCode }: { statusCode: unknown }) => ({ statusCode }),
    },
    customLogLevel: (req, res, error) => {
      if (error || res.statusCode >= 500) return 'error'
      return req.url?.startsWith('/health/') || req.url?.startsWith('/admin/queues/') ? 'debug' : 'info'
    },
  })
}
