import express, { type Express, Router } from 'express'
import helmet from 'helmet'
import { boardRouter } from './board.ts'
import { refuseLargeBodies } from './body-bytes.ts'
import { requireHost } from './client-errors.ts'
import type { AdminDependencies } from './dependencies.ts'
import { docsRoutes } from './docs.ts'
import { door, refuseCrossSite } from './door.ts'
import { bodyLimit, jsonBody } from './json-body.ts'
import { notFound, problemHandler } from './problem.ts'
import { requestLog } from './request-log.ts'
import { ROUTES } from './route-table.ts'
import { accountRoutes } from './routes/account.route.ts'
import { alertRoutes, ownAlertRoutes } from './routes/alerts.route.ts'
import { featureChargeRoutes } from './routes/feature-charges.route.ts'
import { healthRoutes } from './routes/health.route.ts'
import { ledgerRoutes } from './routes/ledger.route.ts'
import { organizationStatementRoutes, statementRoutes } from './routes/statements.route.ts'
import { organizationUsageRoutes, usageRoutes } from './routes/usage.route.ts'
import { verifyRoutes } from './routes/verify.route.ts'
import { serve } from './serve.ts'

/**
 * The HTTP door: the API under /api/v1 (contract.md), health, and the board at /admin/queues. It listens to nothing by
 * itself. Errors of every layer below become problem+json in one place.
 */
export function createAdminApp(deps: AdminDependencies): Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.use(requestLog(deps.logger))
  app.use(helmet({ contentSecurityPolicy: NOTHING_TO_RUN, strictTransportSecurity: false }))
  app.use(requireHost, refuseLargeBodies(bodyLimit(deps.config.maxTextBytes)))
  app.use('/health', healthRoutes(deps))
  app.use(docsRoutes())
  app.use(door(deps.config.adminApiKey), refuseCrossSite)
  app.get('/admin', (_req, res) => res.redirect('/admin/queues'))
  app.use('/admin/queues', boardRouter(deps.queues.boardQueues()))
  app.use('/api/v1', apiRoutes(deps))
  app.use(notFound)
  app.use(problemHandler(deps.logger))
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
  router.use(jsonBody(bodyLimit(deps.config.maxTextBytes)))
  router.use(serve(ROUTES, deps))
  router.use('/admin/organizations/:id', ledgerRoutes(deps))
  router.use('/admin/organizations/:id', organizationUsageRoutes(deps), organizationStatementRoutes(deps))
  router.use('/admin/organizations/:id', alertRoutes(deps))
  router.use('/admin/verify', verifyRoutes(deps))
  router.use('/alerts', ownAlertRoutes(deps))
  router.use('/feature-charges', featureChargeRoutes(deps))
  router.use('/', accountRoutes(deps))
  router.use('/', usageRoutes(deps), statementRoutes(deps))
  return router
}
