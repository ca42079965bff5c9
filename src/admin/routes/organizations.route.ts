import { Router } from 'express'
import { invariant } from '../../foundation/invariant.ts'
import type { AdminDependencies } from '../dependencies.ts'
import { newOrganization, organizationPatch, organizationToJson } from '../json/organization-json.ts'
import { bodyOf } from '../parse.ts'
import { accountParameter, cursorOf, LIST, limitOf, takes, toCursor } from '../query.ts'

/** /admin/organizations: customers, what they pay by, and their balances. */
export function organizationRoutes({
  config,
  inTransaction,
  organizations,
  balances,
  waker,
}: AdminDependencies): Router {
  const router = Router()
  const body = newOrganization(config.defaultCurrency)

  const shown = (id: string) =>
    inTransaction(async (em) => organizationToJson(await organizations.find(em, id), await balances.balance(em, id)))

  router.post('/', takes(), async (req, res) => {
    const input = bodyOf(req, body)
    await inTransaction((em) => organizations.create(em, input))
    // An overdraft pays the first fee at once.
    await organizations.renew(input.id)
    const json = await shown(input.id)
    res.status(201).location(`/api/v1/admin/organizations/${json.id}`).json(json)
  })

  router.get('/', takes(...LIST), async (req, res) => {
    const [limit, cursor] = [limitOf(req), cursorOf(req, 'organizations')]
    const before = cursor && { createdAt: new Date(cursor[0] ?? 0), id: String(cursor[1]) }
    const json = await inTransaction(async (em) => {
      const page = await organizations.list(em, { limit, before })
      const ids = page.organizations.map(({ id }) => id)
      const ofOrganization = ids.length > 0 ? await balances.balances(em, ids) : new Map()
      const data = page.organizations.map((organization) => {
        const balance = ofOrganization.get(organization.id)
        invariant(balance, 'every organisation has a balance')
        return organizationToJson(organization, balance)
      })
      return { data, next_cursor: toCursor('organizations', page.next?.createdAt.getTime(), page.next?.id) }
    })
    res.json(json)
  })

  router.get('/:id', takes(), async (req, res) => {
    const id = accountParameter(req, 'id')
    res.json(await shown(id))
  })

  router.patch('/:id', takes(), async (req, res) => {
    const [id, patch] = [accountParameter(req, 'id'), bodyOf(req, organizationPatch)]
    await inTransaction((em) => organizations.update(em, id, patch))
    await organizations.renew(id)
    const hasOtherPrices = patch.tariffId !== undefined || patch.tariffVersion !== undefined
    if (hasOtherPrices || patch.overdraftLimit !== undefined) await waker.wake(id, hasOtherPrices ? 'all' : 'fitting')
    res.json(await shown(id))
  })

  return router
}
