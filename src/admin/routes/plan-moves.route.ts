import { ok } from '../answer.ts'
import { listOf } from '../json/answer-fields.ts'
import { moveProblemToJson, planMoveToJson } from '../json/plan-move-json.ts'
import { planMoveAnswer, planMoveDetailAnswer } from '../json/tariff-answer.ts'
import { uuidPart } from '../parameters.ts'
import { answer, route } from '../route.ts'

const TAG = 'Tariffs'
const PATH = '/admin/tariffs/{id}/moves'
const params = { id: uuidPart('The tariff') }
const ofMove = { ...params, moveId: uuidPart('The move') }

/** /admin/tariffs/{id}/moves: how far organisations have come on their way to a new version. */
export const planMoveRoutes = [
  route(
    {
      method: 'get',
      path: PATH,
      operation: 'listPlanMoves',
      tag: TAG,
      summary: 'List the moves of organisations to new versions of a plan',
      scope: 'operator',
      params,
      list: true,
      answers: { 200: answer('Moves, newest first', listOf(planMoveAnswer)) },
    },
    async ({ params: { id }, page, pageOf, read }, { planMoves }) => {
      const list = `moves ${id}`
      const { limit, position } = page(list)
      const found = await read((em) => planMoves.list(em, id, { limit, before: position && String(position[0]) }))
      return ok(pageOf(list, found.moves.map(planMoveToJson), found.next))
    },
  ),

  route(
    {
      method: 'get',
      path: `${PATH}/{moveId}`,
      operation: 'getPlanMove',
      tag: TAG,
      summary: 'Show how far a move has come, and whom it passed over',
      scope: 'operator',
      params: ofMove,
      list: true,
      answers: { 200: answer('The move, and a page of its problems', planMoveDetailAnswer) },
    },
    ({ params: { id, moveId }, page, pageOf, read }, { planMoves }) => {
      const list = `problems ${moveId}`
      const { limit, position } = page(list)
      return read(async (em) => {
        const move = planMoveToJson(await planMoves.find(em, id, moveId))
        const found = await planMoves.problems(em, moveId, { limit, after: position && String(position[0]) })
        return ok({ ...move, problems: pageOf(list, found.problems.map(moveProblemToJson), found.next) })
      })
    },
  ),

  route(
    {
      method: 'post',
      path: `${PATH}/{moveId}/cancel`,
      operation: 'cancelPlanMove',
      tag: TAG,
      summary: 'Stop a move: who was moved stays moved',
      scope: 'admin',
      params: ofMove,
      dryRun: true,
      answers: { 200: answer('The move', planMoveAnswer) },
    },
    ({ params: { id, moveId }, change }, { planMoves }) =>
      change(async (em) => {
        const before = planMoveToJson(await planMoves.find(em, id, moveId))
        const after = planMoveToJson(await planMoves.cancel(em, id, moveId))
        const target = `tariff ${id} move ${moveId}`
        return { answer: ok(after), audit: { action: 'move.cancel', organizationId: null, target, before, after } }
      }),
  ),
]
