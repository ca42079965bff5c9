import type { EntityManager } from '../../database/transaction.ts'
import { COMPONENT_KEY } from '../../foundation/ids.ts'
import { created, noContent, ok, tagged } from '../answer.ts'
import type { AdminDependencies } from '../dependencies.ts'
import { listOf } from '../json/answer-fields.ts'
import { componentAnswer } from '../json/tariff-answer.ts'
import { componentPatch, componentToJson, newComponent, tariffToJson } from '../json/tariff-json.ts'
import { pathPart, uuidPart, version } from '../parameters.ts'
import { type Asked, answer, type RouteTerms, route } from '../route.ts'
import { editable } from './tariffs.route.ts'

const TAG = 'Tariffs'
const PATH = '/admin/tariffs/{id}/components'
const params = { id: uuidPart('The tariff') }
const ofKey = { ...params, key: pathPart(COMPONENT_KEY, 'The component') }
const problems = ['tariff-not-published']

/** /admin/tariffs/{id}/components: prices of the version that GET shows; changes go to the draft. */
export const componentRoutes = [
  route(
    {
      method: 'post',
      path: PATH,
      operation: 'addComponent',
      tag: TAG,
      summary: 'Add a price to the draft of a plan',
      scope: 'admin',
      params,
      body: newComponent,
      idempotent: true,
      dryRun: true,
      tagged: true,
      answers: { 201: answer('The component', componentAnswer) },
      problems,
    },
    ({ params: { id }, body, ...asked }, deps) =>
      edit(asked, deps, id, 'component.add', async (em) => {
        const component = await deps.tariffs.addComponent(em, id, body)
        return created(`/api/v1/admin/tariffs/${id}/components`, componentToJson(component))
      }),
  ),

  route(
    {
      method: 'get',
      path: PATH,
      operation: 'listComponents',
      tag: TAG,
      summary: 'List the prices of a plan',
      scope: 'operator',
      params,
      query: { version },
      list: true,
      answers: { 200: answer('Components in their order', listOf(componentAnswer)) },
    },
    async ({ params: { id }, query, page, pageOf, read }, { tariffs }) => {
      const chosen = query.version === null ? {} : { version: query.version }
      const { tariff } = await read((em) => tariffs.find(em, id, chosen))
      const list = `components ${tariff.versionId}`
      const { limit, position } = page(list)
      const from = Number(position?.[0] ?? 0)
      const next = from + limit < tariff.components.length ? from + limit : null
      return ok(pageOf(list, tariff.components.slice(from, from + limit).map(componentToJson), next))
    },
  ),

  route(
    {
      method: 'patch',
      path: `${PATH}/{key}`,
      operation: 'changeComponent',
      tag: TAG,
      summary: 'Change a price in the draft of a plan',
      scope: 'admin',
      params: ofKey,
      body: componentPatch,
      dryRun: true,
      tagged: true,
      answers: { 200: answer('The component', componentAnswer) },
      problems,
    },
    ({ params: { id, key }, body, ...asked }, deps) =>
      edit(asked, deps, id, 'component.change', async (em) => {
        return ok(componentToJson(await deps.tariffs.updateComponent(em, id, key, body)))
      }),
  ),

  route(
    {
      method: 'delete',
      path: `${PATH}/{key}`,
      operation: 'removeComponent',
      tag: TAG,
      summary: 'Take a price out of the draft of a plan',
      scope: 'admin',
      params: ofKey,
      dryRun: true,
      tagged: true,
      answers: { 204: answer('It is gone from the draft', null) },
      problems,
    },
    ({ params: { id, key }, ...asked }, deps) =>
      edit(asked, deps, id, 'component.remove', async (em) => {
        await deps.tariffs.removeComponent(em, id, key)
        return noContent()
      }),
  ),
]

/** Changes the draft, if it is what the asker has seen. */
function edit(
  { change, requireMatch }: Pick<Asked<RouteTerms>, 'change' | 'requireMatch'>,
  { tariffs }: AdminDependencies,
  id: string,
  action: string,
  work: (em: EntityManager) => Promise<ReturnType<typeof noContent>>,
) {
  return change(async (em) => {
    const before = await tariffs.lockNewest(em, id)
    requireMatch(editable(before))
    const done = await work(em)
    const after = await tariffs.newest(em, id)
    return {
      answer: tagged(done, editable(after)),
      audit: {
        action,
        organizationId: null,
        target: `tariff ${id}`,
        before: tariffToJson(before),
        after: tariffToJson(after),
      },
    }
  })
}
