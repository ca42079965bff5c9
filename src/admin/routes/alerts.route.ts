import { type Request, Router } from 'express'
import type { AdminDependencies } from '../dependencies.ts'
import { alertToJson, newThreshold, thresholdToJson } from '../json/alert-json.ts'
import { bodyOf, refuseBody } from '../parse.ts'
import {
  accountParameter,
  choiceOf,
  cursorOf,
  LIST,
  limitOf,
  organizationOf,
  takes,
  toCursor,
  uuidParameter,
} from '../query.ts'

/** /admin/organizations/:id/{thresholds,alerts}: where somebody wants to be told that money runs low, and where it did. */
export function alertRoutes(deps: AdminDependencies): Router {
  const { inTransaction, alerts, balanceWatch } = deps
  const router = Router({ mergeParams: true })

  router.post('/thresholds', takes(), async (req, res) => {
    const [id, input] = [accountParameter(req, 'id'), bodyOf(req, newThreshold)]
    const threshold = await balanceWatch.addThreshold(id, input)
    res.status(201).location(`/api/v1/admin/organizations/${id}/thresholds`).json(thresholdToJson(threshold))
  })

  router.get('/thresholds', takes(...LIST), async (req, res) => {
    const id = accountParameter(req, 'id')
    const list = `thresholds ${id}`
    const [limit, cursor] = [limitOf(req), cursorOf(req, list)]
    const before = cursor && String(cursor[0])
    const { thresholds, more } = await inTransaction((em) => alerts.thresholds(em, id, { limit, before }))
    const last = more ? thresholds.at(-1) : undefined
    res.json({ data: thresholds.map(thresholdToJson), next_cursor: toCursor(list, last?.id) })
  })

  router.delete('/thresholds/:thresholdId', takes(), async (req, res) => {
    const [id, thresholdId] = [accountParameter(req, 'id'), uuidParameter(req, 'thresholdId')]
    refuseBody(req)
    await alerts.removeThreshold(id, thresholdId)
    res.status(204).end()
  })

  router.get('/alerts', takes(...LIST, 'state'), async (req, res) => {
    res.json(await alertPage(deps, req, accountParameter(req, 'id')))
  })

  return router
}

/** /alerts: as an organisation sees its own. */
export function ownAlertRoutes(deps: AdminDependencies): Router {
  const router = Router()
  router.get('/', takes(...LIST, 'state', 'organization_id'), async (req, res) => {
    res.json(await alertPage(deps, req, organizationOf(req)))
  })
  return router
}

async function alertPage({ inTransaction, alerts }: AdminDependencies, req: Request, id: string) {
  const state = choiceOf(req, 'state', ['raised', 'cleared'])
  const list = `alerts ${id} ${state ?? 'all'}`
  const [limit, cursor] = [limitOf(req), cursorOf(req, list)]
  const before = cursor && String(cursor[0])
  const page = await inTransaction((em) => alerts.alerts(em, id, { limit, before, state }))
  const last = page.more ? page.alerts.at(-1) : undefined
  return { data: page.alerts.map(alertToJson), next_cursor: toCursor(list, last?.id) }
}
