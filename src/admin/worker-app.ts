import express, { type Express } from 'express'
import { door, only } from './access/door.ts'
import { refuseManyHeaders, requireHost } from './client-errors.ts'
import type { AdminDependencies } from './dependencies.ts'
import { notFound, problemHandler } from './problem.ts'
import { createRateLimits } from './rate-limit.ts'
import { requestLog } from './request-log.ts'
import { healthRoutes } from './routes/health.route.ts'
import { showMetrics } from './routes/metrics.route.ts'

/** What a process that only works answers: how it is, and what it counts. The same door, and nothing behind it. */
export function createWorkerApp(deps: AdminDependencies): Express {
  const { config, logger, metrics } = deps
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.use(requestLog(logger), metrics.http.count, requireHost, refuseManyHeaders)
  app.use('/health', healthRoutes(deps))
  const limits = createRateLimits({ perMinute: config.rateLimitPerMinute, redis: null, logger, meter: metrics.http })
  app.use(door(deps, limits.wrongKey))
  app.get('/metrics', only('operator'), showMetrics(deps))
  app.use(notFound)
  app.use(problemHandler(logger))
  return app
}
