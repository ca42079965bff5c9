import { Router } from 'express'
import type { AdminDependencies } from '../dependencies.ts'
import { noteRoute } from '../metrics/http-meter.ts'
import { sendProblem } from '../problem.ts'

/** A part that is silent for this long is not ready; a load balancer's own patience is rarely longer. */
const PROBE_MS = 2_000

/**
 * /health: `live` says that this process answers, `ready` that it should be sent requests: what it stands on answers, its
 * schema is the one that it was built for, its workers run, and it was not told to stop. Open to everybody, says nothing else.
 */
export function healthRoutes({ probes, stopping }: Pick<AdminDependencies, 'probes' | 'stopping'>): Router {
  const router = Router()

  router.get('/live', (_req, res) => {
    noteRoute(res, '/health/live')
    res.json({ status: 'live' })
  })

  router.get('/ready', async (_req, res) => {
    noteRoute(res, '/health/ready')
    const parts = Object.entries(probes)
    const answers = await Promise.allSettled(parts.map(([, probe]) => withinTime(probe())))
    const silent = parts.filter((_, index) => answers[index]?.status === 'rejected').map(([name]) => name)
    if (silent.length === 0 && !stopping.aborted) return res.json({ status: 'ready' })
    res.set('Retry-After', '1')
    const detail = stopping.aborted
      ? 'This process was told to stop; ask another one'
      : `No answer from: ${silent.join(', ')}; try again in a moment`
    return sendProblem(res, { code: 'unavailable', status: 503, detail })
  })

  return router
}

async function withinTime(work: Promise<void>): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`no answer within ${PROBE_MS} ms`)), PROBE_MS)
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
