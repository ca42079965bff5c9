import { type Request, Router } from 'express'
import { COMPONENT_KEY } from '../../foundation/ids.ts'
import type { AdminDependencies } from '../dependencies.ts'
import { componentPatch, componentToJson, newComponent } from '../json/tariff-json.ts'
import { bodyOf, refuseBody } from '../parse.ts'
import { cursorOf, LIST, limitOf, pathParameter, takes, toCursor, uuidParameter, versionOf } from '../query.ts'

/** /admin/tariffs/:id/components: prices of the version that GET shows; changes go to the draft. */
export function componentRoutes({ inTransaction, tariffs }: AdminDependencies): Router {
  const router = Router({ mergeParams: true })
  const keyOf = (req: Request) => pathParameter(req, 'key', (text) => COMPONENT_KEY.test(text))

  router.post('/', takes(), async (req, res) => {
    const [id, input] = [uuidParameter(req, 'id'), bodyOf(req, newComponent)]
    const component = await inTransaction((em) => tariffs.addComponent(em, id, input))
    res.status(201).location(`/api/v1/admin/tariffs/${id}/components`).json(componentToJson(component))
  })

  router.get('/', takes(...LIST, 'version'), async (req, res) => {
    const [id, version, limit] = [uuidParameter(req, 'id'), versionOf(req), limitOf(req)]
    const { tariff } = await inTransaction((em) => tariffs.find(em, id, version))
    const list = `components ${tariff.versionId}`
    const from = Number(cursorOf(req, list)?.[0] ?? 0)
    const next = from + limit < tariff.components.length ? from + limit : null
    const data = tariff.components.slice(from, from + limit).map(componentToJson)
    res.json({ data, next_cursor: toCursor(list, next) })
  })

  router.patch('/:key', takes(), async (req, res) => {
    const [id, key, patch] = [uuidParameter(req, 'id'), keyOf(req), bodyOf(req, componentPatch)]
    res.json(componentToJson(await inTransaction((em) => tariffs.updateComponent(em, id, key, patch))))
  })

  router.delete('/:key', takes(), async (req, res) => {
    const [id, key] = [uuidParameter(req, 'id'), keyOf(req)]
    refuseBody(req)
    await inTransaction((em) => tariffs.removeComponent(em, id, key))
    res.status(204).end()
  })

  return router
}
