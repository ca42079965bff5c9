import type { RequestHandler } from 'express'
import { ForbiddenError } from '../../foundation/errors.ts'
import type { AdminDependencies } from '../dependencies.ts'
import { principalOf } from '../principal.ts'

/** /metrics: what this process counts, and how jobs, queues and holds stand, for Prometheus. No organisation's own key sees it. */
export function showMetrics({ metrics }: Pick<AdminDependencies, 'metrics'>): RequestHandler {
  return async (req, res) => {
    if (principalOf(req).role === 'organization') throw new ForbiddenError('forbidden', 'Show the key of an operator')
    const text = await metrics.text()
    res.set('Content-Type', metrics.contentType).set('Cache-Control', 'no-store').send(text)
  }
}
