import { Router } from 'express'
import type { AdminDependencies } from '../dependencies.ts'
import { planMoveToJson, planPreviewToJson, publication } from '../json/plan-move-json.ts'
import { newTariff, tariffPatch, tariffToJson } from '../json/tariff-json.ts'
import { bodyIfAny, bodyOf, refuseBody } from '../parse.ts'
import { cursorOf, LIST, limitOf, refusePaging, takes, toCursor, uuidParameter, versionOf } from '../query.ts'

/** /admin/tariffs: plans and their versions. */
export function tariffRoutes(deps: AdminDependencies): Router {
  const { config, inTransaction, tariffs, planMoves, planPreviews } = deps
  const router = Router()
  const body = newTariff(config.defaultCurrency)

  router.post('/', takes(), async (req, res) => {
    const input = bodyOf(req, body)
    const created = await inTransaction((em) => tariffs.create(em, input))
    res.status(201).location(`/api/v1/admin/tariffs/${created.tariff.planId}`).json(tariffToJson(created))
  })

  router.get('/', takes(...LIST), async (req, res) => {
    const [limit, before] = [limitOf(req), cursorOf(req, 'tariffs')]
    const page = await inTransaction((em) => tariffs.list(em, { limit, before: before && String(before[0]) }))
    res.json({ data: page.tariffs.map(tariffToJson), next_cursor: toCursor('tariffs', page.next) })
  })

  router.get('/:id', takes('version'), async (req, res) => {
    const [id, version] = [uuidParameter(req, 'id'), versionOf(req)]
    res.json(tariffToJson(await inTransaction((em) => tariffs.find(em, id, version))))
  })

  router.patch('/:id', takes(), async (req, res) => {
    const [id, patch] = [uuidParameter(req, 'id'), bodyOf(req, tariffPatch)]
    res.json(tariffToJson(await inTransaction((em) => tariffs.update(em, id, patch))))
  })

  router.delete('/:id', takes(), async (req, res) => {
    const id = uuidParameter(req, 'id')
    refuseBody(req)
    await inTransaction((em) => tariffs.archive(em, id))
    res.status(204).end()
  })

  router.post('/:id/publish', takes(...LIST), async (req, res) => {
    const id = uuidParameter(req, 'id')
    const { applyTo, dryRun } = bodyIfAny(req, publication)
    if (dryRun) {
      const list = `publication ${id} ${applyTo}`
      const [limit, after] = [limitOf(req), cursorOf(req, list)]
      const page = { limit, after: after && String(after[0]) }
      const preview = await inTransaction((em) => planPreviews.preview(em, id, applyTo, page))
      res.json(planPreviewToJson(preview, applyTo, toCursor(list, preview.next)))
      return
    }
    refusePaging(req)
    const json = await inTransaction(async (em) => {
      const published = await tariffs.publish(em, id)
      const move = applyTo === 'new' ? null : await planMoves.order(em, published.tariff, applyTo)
      return { ...tariffToJson(published), move: move && planMoveToJson(move) }
    })
    res.json(json)
  })

  router.get('/:id/versions', takes(...LIST), async (req, res) => {
    const id = uuidParameter(req, 'id')
    const list = `versions ${id}`
    const [limit, after] = [limitOf(req), cursorOf(req, list)]
    const page = await inTransaction((em) => tariffs.versions(em, id, { limit, after: after && Number(after[0]) }))
    res.json({ data: page.tariffs.map(tariffToJson), next_cursor: toCursor(list, page.next) })
  })

  return router
}
