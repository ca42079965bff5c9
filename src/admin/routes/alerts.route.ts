import { created, noContent, ok } from '../answer.ts'
import type { AdminDependencies } from '../dependencies.ts'
import { alertAnswer, thresholdAnswer } from '../json/alert-answer.ts'
import { alertToJson, newThreshold, thresholdToJson } from '../json/alert-json.ts'
import { listOf } from '../json/answer-fields.ts'
import { accountPart, choice, uuidPart } from '../parameters.ts'
import { type Asked, answer, type Read, type RouteTerms, route } from '../route.ts'

const TAG = 'Alerts'
const THRESHOLDS = '/admin/organizations/{id}/thresholds'
const params = { id: accountPart('The organisation') }
const ALERTS = {
  method: 'get',
  tag: TAG,
  query: { state: choice('state', 'All unless given', ['raised', 'cleared']) },
  list: true,
  answers: { 200: answer('Alerts, newest first', listOf(alertAnswer)) },
} as const

/** Where somebody wants to be told that money runs low, and where it did (ADR 28). */
export const alertRoutes = [
  route(
    {
      method: 'post',
      path: THRESHOLDS,
      operation: 'addThreshold',
      tag: TAG,
      summary: 'Draw a line to be told about when the balance falls below it',
      scope: 'admin',
      params,
      body: newThreshold,
      answers: { 201: answer('The threshold', thresholdAnswer) },
      problems: ['already-exists', 'threshold-limit'],
    },
    async ({ params: { id }, body }, { balanceWatch }) => {
      const threshold = await balanceWatch.addThreshold(id, body)
      return created(`/api/v1/admin/organizations/${id}/thresholds`, thresholdToJson(threshold))
    },
  ),

  route(
    {
      method: 'get',
      path: THRESHOLDS,
      operation: 'listThresholds',
      tag: TAG,
      summary: 'List thresholds, newest first',
      scope: 'operator',
      params,
      list: true,
      answers: { 200: answer('Thresholds', listOf(thresholdAnswer)) },
    },
    async ({ params: { id }, page, pageOf, read }, { alerts }) => {
      const list = `thresholds ${id}`
      const { limit, position } = page(list)
      const from = { limit, before: position && String(position[0]) }
      const { thresholds, more } = await read((em) => alerts.thresholds(em, id, from))
      return ok(pageOf(list, thresholds.map(thresholdToJson), more ? thresholds.at(-1)?.id : null))
    },
  ),

  route(
    {
      method: 'delete',
      path: `${THRESHOLDS}/{thresholdId}`,
      operation: 'removeThreshold',
      tag: TAG,
      summary: 'Take a threshold away, and clear its alert',
      scope: 'admin',
      params: { ...params, thresholdId: uuidPart('The threshold') },
      answers: { 204: answer('It is gone', null) },
    },
    async ({ params: { id, thresholdId } }, { alerts }) => {
      await alerts.removeThreshold(id, thresholdId)
      return noContent()
    },
  ),

  route(
    {
      ...ALERTS,
      path: '/admin/organizations/{id}/alerts',
      operation: 'listOrganizationAlerts',
      summary: 'List where the balance of an organisation fell below a threshold',
      scope: 'operator',
      params,
    },
    (asked, deps) => alertsOf(asked.params.id, asked, deps),
  ),

  route(
    {
      ...ALERTS,
      path: '/alerts',
      operation: 'listAlerts',
      summary: 'List where the balance fell below a threshold',
      scope: 'tenant',
      organization: 'query',
    },
    (asked, deps) => alertsOf(asked.organizationId, asked, deps),
  ),
]

type AskedForAlerts = Pick<Asked<RouteTerms>, 'page' | 'pageOf' | 'read'> & {
  readonly query: Read<typeof ALERTS.query>
}

async function alertsOf(id: string, { query, page, pageOf, read }: AskedForAlerts, { alerts }: AdminDependencies) {
  const { state } = query
  const list = `alerts ${id} ${state ?? 'all'}`
  const { limit, position } = page(list)
  const from = { limit, before: position && String(position[0]), state }
  const found = await read((em) => alerts.alerts(em, id, from))
  return ok(pageOf(list, found.alerts.map(alertToJson), found.more ? found.alerts.at(-1)?.id : null))
}
