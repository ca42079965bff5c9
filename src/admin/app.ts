import express, { type Express, Router } from 'express'
import helmet from 'helmet'
import { door, only, refuseCrossSite } from './access/door.ts'
import { noteMissing } from './access/note-missing.ts'
import { boardRouter } from './board.ts'
import { refuseLargeBodies } from './body-bytes.ts'
import { refuseManyHeaders, requireHost } from './client-errors.ts'
import type { AdminDependencies } from './dependencies.ts'
import { docsRoutes } from './docs.ts'
import { bodyLimit, jsonBody } from './json-body.ts'
import { notFound, problemHandler } from './problem.ts'
import { createRateLimits } from './rate-limit.ts'
import { requestLog } from './request-log.ts'
import { ROUTES } from './route-table.ts'
import { healthRoutes } from './routes/health.route.ts'
import { showMetrics } from './routes/metrics.route.ts'
import { serve } from './serve.ts'
import { ANSWER_MAX_MS, timeLimit } from './time-limit.ts'

/**
 * The HTTP door: the API under /api/v1 (contract.md), health, and the board at /admin/queues. It listens to nothing by
 * itself. Errors of every layer below become problem+json in one place.
 */
export function createAdminApp(deps: AdminDependencies): Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.use(requestLog(deps.logger), deps.metrics.http.count)
  app.use(helmet({ contentSecurityPolicy: NOTHING_TO_RUN, strictTransportSecurity: false }))
  app.use(requireHost, refuseManyHeaders, refuseLargeBodies(bodyLimit(deps.config.maxTextBytes)))
  const limits = createRateLimits({
    perMinute: deps.config.rateLimitPerMinute,
    redis: deps.sharedCounts,
    logger: deps.logger,
    meter: deps.metrics.http,
  })
  const who = [door(deps, limits.wrongKey), refuseCrossSite]
  // Most requests are for the API, and look at no other address first.
  app.use('/api/v1', ...who, limits.perKey, apiRoutes(deps))
  app.use('/health', healthRoutes(deps))
  app.use(docsRoutes())
  app.use(...who)
  app.get('/metrics', only('operator'), showMetrics(deps))
  app.use(limits.perKey)
  app.use('/admin', only('operator'))
  app.get('/admin', (_req, res) => res.redirect('/admin/queues'))
  app.use('/admin/queues', boardRouter(deps.queues.boardQueues()))
  app.use(notFound)
  app.use(problemHandler(deps.logger, noteMissing(deps)))
  return app
}

/** An answer of the API is data: whatever a browser makes of it, it loads and runs nothing. */
const NOTHING_TO_RUN = {
  useDefaults: false,
  directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"], 'base-uri': ["'none'"] },
}

function apiRoutes(deps: AdminDependencies): Router {
  const router = Router()
  router.use((_req, res, next) => {
    res.set('Cache-Control', 'no-store')
    next()
  })
  router.use(jsonBody(bodyLimit(deps.config.maxTextBytes)), timeLimit(ANSWER_MAX_MS))
  router.use(serve(ROUTES, deps), notFound)
  return router
}
