import { Router } from 'express'
import type { AdminDependencies } from '../dependencies.ts'
import { sendProblem } from '../problem.ts'

/** A part that is silent for this long is not ready; a load balancer's own patience is rarely longer. */
const PROBE_MS = 2_000

/** /health: `live` says that this process answers, `ready` that what it stands on does. Open to everybody, says nothing else. */
export function healthRoutes({ probes }: Pick<AdminDependencies, 'probes'>): Router {
  const router = Router()

  router.get('/live', (_req, res) => {
    res.json({ status: 'live' })
  })

  router.get('/ready', async (_req, res) => {
    const parts = Object.entries(probes)
    const answers = await Promise.allSettled(parts.map(([, probe]) => withinTime(probe())))
    const silent = parts.filter((_, index) => answers[index]?.status === 'rejected').map(([name]) => name)
    if (silent.length === 0) return res.json({ status: 'ready' })
    res.set('Retry-After', '1')
    const detail = `No answer from: ${silent.join(', ')}; try again in a moment`
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
