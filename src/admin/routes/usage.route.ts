import { type Request, type Response, Router } from 'express'
import { usageToCsv, usageToJson } from '../../managers/usage-json.ts'
import type { AdminDependencies } from '../dependencies.ts'
import { accountParameter, organizationOf, takes } from '../query.ts'
import { sendCsv, USAGE, usageRequestOf, wantsCsv } from '../report-query.ts'

type UsageDependencies = Pick<AdminDependencies, 'usage'>

/** /admin/organizations/:id/usage: what an organisation used, by time and by whatever it is asked by. */
export function organizationUsageRoutes(deps: UsageDependencies): Router {
  const router = Router({ mergeParams: true })
  router.get('/usage', takes(...USAGE), (req, res) => sendUsage(deps, accountParameter(req, 'id'), req, res))
  return router
}

/** /usage: the same for the organisation itself. */
export function usageRoutes(deps: UsageDependencies): Router {
  const router = Router()
  router.get('/usage', takes(...USAGE, 'organization_id'), (req, res) => sendUsage(deps, organizationOf(req), req, res))
  return router
}

async function sendUsage({ usage }: UsageDependencies, id: string, req: Request, res: Response): Promise<void> {
  const [request, isCsv] = [usageRequestOf(req), wantsCsv(req)]
  const report = await usage.report({ organizationId: id, userId: null }, request)
  res.vary('Accept')
  if (isCsv) sendCsv(res, `usage-${id}`, usageToCsv(report))
  else res.json(usageToJson(report))
}
