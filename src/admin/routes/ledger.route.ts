import { Router } from 'express'
import { ledgerEntryToJson } from '../../managers/contract-json.ts'
import type { AdminDependencies } from '../dependencies.ts'
import { accountParameter, cursorOf, LIST, limitOf, takes, toCursor } from '../query.ts'

/** /admin/organizations/:id/ledger: where money went. */
export function ledgerRoutes(deps: AdminDependencies): Router {
  const router = Router({ mergeParams: true })
  router.get('/ledger', takes(...LIST), async (req, res) => {
    const id = accountParameter(req, 'id')
    res.json(await ledgerPage(deps, id, { limit: limitOf(req), cursor: cursorOf(req, ledgerOf(id)) }))
  })
  return router
}

export const ledgerOf = (organizationId: string): string => `ledger ${organizationId}`
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
