import { Router } from 'express'
import { fundingToJson, ledgerEntryToJson } from '../../managers/contract-json.ts'
import type { AdminDependencies } from '../dependencies.ts'
import { adjustment, topUp } from '../json/organization-json.ts'
import { bodyOf } from '../parse.ts'
import { accountParameter, cursorOf, LIST, limitOf, takes, toCursor } from '../query.ts'

/** /admin/organizations/:id/{top-ups,adjustments,ledger}: money by hand, and where it went. */
export function moneyRoutes(deps: AdminDependencies): Router {
  const { balances } = deps
  const router = Router({ mergeParams: true })

  router.post('/top-ups', takes(), async (req, res) => {
    const [id, input] = [accountParameter(req, 'id'), bodyOf(req, topUp)]
    const result = await balances.topUp(id, input)
    if (!result.replayed) res.status(201).location(ledgerUrl(id))
    res.json(fundingToJson(result))
  })

  router.post('/adjustments', takes(), async (req, res) => {
    const [id, input] = [accountParameter(req, 'id'), bodyOf(req, adjustment)]
    const result = await balances.adjust(id, input)
    if (!result.replayed) res.status(201).location(ledgerUrl(id))
    res.json(fundingToJson(result))
  })

  router.get('/ledger', takes(...LIST), async (req, res) => {
    const id = accountParameter(req, 'id')
    res.json(await ledgerPage(deps, id, { limit: limitOf(req), cursor: cursorOf(req, ledgerOf(id)) }))
  })

  return router
}

export const ledgerOf = (organizationId: string): string => `ledger ${organizationId}`

/** Where the entries of a top-up can be read. */
const ledgerUrl = (organizationId: string): string => `/api/v1/admin/organizations/${organizationId}/ledger`

/** One page of a ledger, in the order of `seq`. */
export async function ledgerPage(
  { inTransaction, balances }: Pick<AdminDependencies, 'inTransaction' | 'balances'>,
  id: string,
  { limit, cursor }: { readonly limit: number; readonly cursor: readonly (string | number)[] | null },
) {
  const after = cursor && Number(cursor[0])
  const page = await inTransaction((em) => balances.ledger(em, id, { limit, after }))
  return {
    data: page.entries.map(ledgerEntryToJson),
    next_cursor: toCursor(ledgerOf(id), page.next),
  }
}
