import { Router } from 'express'
import { verifyToJson } from '../../managers/verify-report.ts'
import type { AdminDependencies } from '../dependencies.ts'
import { organizationIfGiven, takes } from '../query.ts'
import { withoutTimeLimit } from '../time-limit.ts'

/** /admin/verify: whether the books balance; 200 in either case. It only reports: freezing is the scheduled check's. */
export function verifyRoutes({ verifier }: Pick<AdminDependencies, 'verifier'>): Router {
  const router = Router()

  router.get('/', withoutTimeLimit, takes('organization_id'), async (req, res) => {
    const organizationId = organizationIfGiven(req) ?? undefined
    res.json(verifyToJson(await verifier.verify({ organizationId })))
  })

  return router
}
