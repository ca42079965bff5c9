import type { RequestHandler } from 'express'
import type { AdminDependencies } from '../dependencies.ts'

/** /metrics: what this process counts, and how jobs, queues and holds stand, for Prometheus. */
export function showMetrics({ metrics }: Pick<AdminDependencies, 'metrics'>): RequestHandler {
  return async (_req, res) => {
    const text = await metrics.text()
    res.set('Content-Type', metrics.contentType).set('Cache-Control', 'no-store').send(text)
  }
}
