import type { EntityManager } from '../../database/transaction.ts'
import { invariant } from '../../foundation/invariant.ts'
import { created, ok, tagged } from '../answer.ts'
import type { AdminDependencies } from '../dependencies.ts'
import { listOf } from '../json/answer-fields.ts'
import { organizationAnswer } from '../json/organization-answer.ts'
import { newOrganization, organizationPatch, organizationToJson } from '../json/organization-json.ts'
import { accountPart } from '../parameters.ts'
import { answer, route } from '../route.ts'

const TAG = 'Organisations'
const PATH = '/admin/organizations'
const params = { id: accountPart('The organisation') }

type Managers = Pick<AdminDependencies, 'organizations' | 'balances'>
type Shown = ReturnType<typeof organizationToJson>

async function shown({ organizations, balances }: Managers, em: EntityManager, id: string): Promise<Shown> {
  return organizationToJson(await organizations.find(em, id), await balances.balance(em, id))
}

/** What a PATCH can change, which an ETag is made of: a balance that moves with every job makes nobody's view stale. */
const editable = ({ name, tariff_id, tariff_version, next_tariff_version, balance }: Shown): object => {
  return { name, tariff_id, tariff_version, next_tariff_version, limit: balance.overdraft_limit }
}

/** /admin/organizations: customers, what they pay by, and their balances. */
export const organizationRoutes = [
  route(
    {
      method: 'post',
      path: PATH,
      operation: 'createOrganization',
      tag: TAG,
      summary: 'Make an organisation with an empty balance',
      description: 'Its plan’s first fee is owed from now on, and paid by the first money that covers it.',
      scope: 'admin',
      body: newOrganization,
      dryRun: true,
      answers: { 201: answer('The organisation', organizationAnswer) },
      problems: ['not-found', 'already-exists', 'tariff-not-published', 'currency-mismatch'],
    },
    async ({ body, mandate, change, read }, deps) => {
      const { config, organizations } = deps
      const { id } = body
      const answered = (json: Shown) => tagged(created(`/api/v1/admin/organizations/${id}`, json), editable(json))
      const made = await change(async (em) => {
        await organizations.create(em, { ...body, currency: body.currency ?? config.defaultCurrency })
        const json = await shown(deps, em, id)
        return { answer: answered(json), audit: audited('organization.create', id, null, json) }
      })
      if (mandate.dryRun) return made
      // An overdraft pays the first fee at once.
      await organizations.renew(id)
      return answered(await read((em) => shown(deps, em, id)))
    },
  ),

  route(
    {
      method: 'get',
      path: PATH,
      operation: 'listOrganizations',
      tag: TAG,
      summary: 'List organisations, newest first',
      scope: 'operator',
      list: true,
      answers: { 200: answer('Organisations with their balances', listOf(organizationAnswer)) },
    },
    ({ page, pageOf, read }, { organizations, balances }) => {
      const list = 'organizations'
      const { limit, position } = page(list)
      const before = position && { createdAt: new Date(position[0] ?? 0), id: String(position[1]) }
      return read(async (em) => {
        const found = await organizations.list(em, { limit, before })
        const ids = found.organizations.map(({ id }) => id)
        const ofOrganization = ids.length > 0 ? await balances.balances(em, ids) : new Map()
        const data = found.organizations.map((organization) => {
          const balance = ofOrganization.get(organization.id)
          invariant(balance, 'every organisation has a balance')
          return organizationToJson(organization, balance)
        })
        return ok(pageOf(list, data, found.next?.createdAt.getTime(), found.next?.id))
      })
    },
  ),

  route(
    {
      method: 'get',
      path: `${PATH}/{id}`,
      operation: 'getOrganization',
      tag: TAG,
      summary: 'Show an organisation and its balance',
      scope: 'operator',
      params,
      tagged: true,
      answers: { 200: answer('The organisation', organizationAnswer) },
    },
    async ({ params: { id }, read }, deps) => {
      const json = await read((em) => shown(deps, em, id))
      return tagged(ok(json), editable(json))
    },
  ),

  route(
    {
      method: 'patch',
      path: `${PATH}/{id}`,
      operation: 'changeOrganization',
      tag: TAG,
      summary: 'Change name, tariff or overdraft limit',
      description: 'Another plan starts a new period, and what was paid for the rest of the former one comes back.',
      scope: 'admin',
      params,
      body: organizationPatch,
      dryRun: true,
      tagged: true,
      answers: { 200: answer('The organisation', organizationAnswer) },
      problems: ['tariff-not-published', 'currency-mismatch', 'seat-limit'],
    },
    async ({ params: { id }, body, mandate, change, read, requireMatch }, deps) => {
      const { organizations, waker } = deps
      const answered = (json: Shown) => tagged(ok(json), editable(json))
      const changed = await change(async (em) => {
        await organizations.lock(em, id)
        const before = await shown(deps, em, id)
        requireMatch(editable(before))
        await organizations.update(em, id, body)
        const after = await shown(deps, em, id)
        return { answer: answered(after), audit: audited('organization.change', id, before, after) }
      })
      if (mandate.dryRun) return changed
      await organizations.renew(id)
      const hasOtherPrices = body.tariffId !== undefined || body.tariffVersion !== undefined
      if (hasOtherPrices || body.overdraftLimit !== undefined) await waker.wake(id, hasOtherPrices ? 'all' : 'fitting')
      return answered(await read((em) => shown(deps, em, id)))
    },
  ),
]

function audited(action: string, id: string, before: object | null, after: object) {
  return { action, organizationId: id, target: `organization ${id}`, before, after }
}
