import type { EntityManager } from '../../database/transaction.ts'
import type { TariffManager } from '../../managers/tariff.manager.ts'
import type { TariffView } from '../../managers/tariff-view.ts'
import { created, noContent, ok, tagged } from '../answer.ts'
import { listOf } from '../json/answer-fields.ts'
import { planMoveToJson, planPreviewToJson, publication } from '../json/plan-move-json.ts'
import { publishedAnswer, tariffAnswer } from '../json/tariff-answer.ts'
import { newTariff, tariffPatch, tariffToJson } from '../json/tariff-json.ts'
import { uuidPart, version } from '../parameters.ts'
import { answer, route } from '../route.ts'

const TAG = 'Tariffs'
const params = { id: uuidPart('The tariff') }

/** What edits of a plan build on, and what their ETag is made of. */
export const editable = ({ tariff, state }: TariffView): object => ({ state, ...tariff })

const tagOfPlan = async (tariffs: TariffManager, em: EntityManager, id: string): Promise<object> => {
  return editable(await tariffs.newest(em, id))
}

/** /admin/tariffs: plans and their versions. */
export const tariffRoutes = [
  route(
    {
      method: 'post',
      path: '/admin/tariffs',
      operation: 'createTariff',
      tag: TAG,
      summary: 'Make a plan, as a draft or published at once',
      scope: 'admin',
      body: newTariff,
      idempotent: true,
      dryRun: true,
      answers: { 201: answer('The plan in its first version', tariffAnswer) },
    },
    ({ body, change }, { config, tariffs }) =>
      change(async (em) => {
        const view = await tariffs.create(em, { ...body, currency: body.currency ?? config.defaultCurrency })
        const json = tariffToJson(view)
        return {
          answer: tagged(created(`/api/v1/admin/tariffs/${json.id}`, json), editable(view)),
          audit: audited('tariff.create', json.id, null, json),
        }
      }),
  ),

  route(
    {
      method: 'get',
      path: '/admin/tariffs',
      operation: 'listTariffs',
      tag: TAG,
      summary: 'List plans, newest first',
      scope: 'operator',
      list: true,
      answers: { 200: answer('Plans, each in its newest published version', listOf(tariffAnswer)) },
    },
    async ({ page, pageOf, read }, { tariffs }) => {
      const { limit, position } = page('tariffs')
      const found = await read((em) => tariffs.list(em, { limit, before: position && String(position[0]) }))
      return ok(pageOf('tariffs', found.tariffs.map(tariffToJson), found.next))
    },
  ),

  route(
    {
      method: 'get',
      path: '/admin/tariffs/{id}',
      operation: 'getTariff',
      tag: TAG,
      summary: 'Show a plan: its newest published version, or the draft while none is',
      scope: 'operator',
      params,
      query: { version },
      tagged: true,
      answers: { 200: answer('The version', tariffAnswer) },
    },
    ({ params, query, read }, { tariffs }) =>
      read(async (em) => {
        const view = await tariffs.find(em, params.id, query.version === null ? {} : { version: query.version })
        return tagged(ok(tariffToJson(view)), await tagOfPlan(tariffs, em, params.id))
      }),
  ),

  route(
    {
      method: 'patch',
      path: '/admin/tariffs/{id}',
      operation: 'changeTariff',
      tag: TAG,
      summary: 'Change the draft of a plan, opening one where there is none',
      scope: 'admin',
      params,
      body: tariffPatch,
      dryRun: true,
      tagged: true,
      answers: { 200: answer('The draft', tariffAnswer) },
      problems: ['tariff-not-published', 'currency-mismatch'],
    },
    ({ params: { id }, body, change, requireMatch }, { tariffs }) =>
      change(async (em) => {
        const before = await tariffs.lockNewest(em, id)
        requireMatch(editable(before))
        const json = tariffToJson(await tariffs.update(em, id, body))
        return {
          answer: tagged(ok(json), await tagOfPlan(tariffs, em, id)),
          audit: audited('tariff.change', id, tariffToJson(before), json),
        }
      }),
  ),

  route(
    {
      method: 'delete',
      path: '/admin/tariffs/{id}',
      operation: 'archiveTariff',
      tag: TAG,
      summary: 'Archive a plan: nobody new gets it, who has it keeps it',
      scope: 'admin',
      params,
      dryRun: true,
      tagged: true,
      answers: { 204: answer('It is archived', null) },
    },
    ({ params: { id }, change, requireMatch }, { tariffs }) =>
      change(async (em) => {
        const before = await tariffs.lockNewest(em, id)
        requireMatch(editable(before))
        await tariffs.archive(em, id)
        const after = tariffToJson(await tariffs.newest(em, id))
        return { answer: noContent(), audit: audited('tariff.archive', id, tariffToJson(before), after) }
      }),
  ),

  route(
    {
      method: 'post',
      path: '/admin/tariffs/{id}/publish',
      operation: 'publishTariff',
      tag: TAG,
      summary: 'Make the draft usable, and move organisations to it if asked',
      description:
        'Nobody is moved unless apply_to says so. With dry_run, in the query or the body, it lists old price, new price and use so far of each organisation that would be moved, a page at a time.',
      scope: 'admin',
      params,
      body: publication,
      bodyMayLack: true,
      list: true,
      idempotent: true,
      dryRun: true,
      tagged: true,
      answers: { 200: answer('The published version and its move, or what would happen', publishedAnswer) },
      problems: ['tariff-not-published'],
    },
    (
      { params: { id }, body: { applyTo, dryRun }, mandate, page, pageOf, read, change, requireMatch, refusePaging },
      deps,
    ) => {
      const { tariffs, planMoves, planPreviews } = deps
      if (dryRun || mandate.dryRun) {
        const list = `publication ${id} ${applyTo}`
        const { limit, position } = page(list)
        return read(async (em) => {
          const preview = await planPreviews.preview(em, id, applyTo, { limit, after: position && String(position[0]) })
          return ok(planPreviewToJson(preview, applyTo, pageOf(list, [], preview.next).next_cursor))
        })
      }
      refusePaging()
      return change(async (em) => {
        const before = await tariffs.lockNewest(em, id)
        requireMatch(editable(before))
        const published = await tariffs.publish(em, id)
        const move = applyTo === 'new' ? null : await planMoves.order(em, published.tariff, applyTo)
        const json = { ...tariffToJson(published), move: move && planMoveToJson(move) }
        return {
          answer: tagged(ok(json), await tagOfPlan(tariffs, em, id)),
          audit: audited('tariff.publish', id, tariffToJson(before), json),
        }
      })
    },
  ),

  route(
    {
      method: 'get',
      path: '/admin/tariffs/{id}/versions',
      operation: 'listTariffVersions',
      tag: TAG,
      summary: 'List every version of a plan, the first one first',
      scope: 'operator',
      params,
      list: true,
      answers: { 200: answer('Versions', listOf(tariffAnswer)) },
    },
    async ({ params: { id }, page, pageOf, read }, { tariffs }) => {
      const list = `versions ${id}`
      const { limit, position } = page(list)
      const found = await read((em) => tariffs.versions(em, id, { limit, after: position && Number(position[0]) }))
      return ok(pageOf(list, found.tariffs.map(tariffToJson), found.next))
    },
  ),
]

function audited(action: string, id: string, before: object | null, after: object | null) {
  return { action, organizationId: null, target: `tariff ${id}`, before, after }
}
