import { Router } from 'express'
import type { AdminDependencies } from '../dependencies.ts'
import { moveProblemToJson, planMoveToJson } from '../json/plan-move-json.ts'
import { refuseBody } from '../parse.ts'
import { cursorOf, LIST, limitOf, takes, toCursor, uuidParameter } from '../query.ts'

/** /admin/tariffs/:id/moves: how far organisations have come on their way to a new version. */
export function planMoveRoutes({ inTransaction, planMoves }: AdminDependencies): Router {
  const router = Router({ mergeParams: true })

  router.get('/', takes(...LIST), async (req, res) => {
    const id = uuidParameter(req, 'id')
    const list = `moves ${id}`
    const [limit, before] = [limitOf(req), cursorOf(req, list)]
    const page = await inTransaction((em) => planMoves.list(em, id, { limit, before: before && String(before[0]) }))
    res.json({ data: page.moves.map(planMoveToJson), next_cursor: toCursor(list, page.next) })
  })

  router.get('/:moveId', takes(...LIST), async (req, res) => {
    const [id, moveId] = [uuidParameter(req, 'id'), uuidParameter(req, 'moveId')]
    const list = `problems ${moveId}`
    const [limit, after] = [limitOf(req), cursorOf(req, list)]
    const json = await inTransaction(async (em) => {
      const move = planMoveToJson(await planMoves.find(em, id, moveId))
      const { problems, next } = await planMoves.problems(em, moveId, { limit, after: after && String(after[0]) })
      return { ...move, problems: { data: problems.map(moveProblemToJson), next_cursor: toCursor(list, next) } }
    })
    res.json(json)
  })

  router.post('/:moveId/cancel', takes(), async (req, res) => {
    const [id, moveId] = [uuidParameter(req, 'id'), uuidParameter(req, 'moveId')]
    refuseBody(req)
    res.json(planMoveToJson(await inTransaction((em) => planMoves.cancel(em, id, moveId))))
  })

  return router
}
