import { Router } from 'express'
import { balanceToJson } from '../../managers/contract-json.ts'
import type { AdminDependencies } from '../dependencies.ts'
import { cursorOf, LIST, limitOf, organizationOf, takes } from '../query.ts'
import { ledgerOf, ledgerPage } from './ledger.route.ts'

/** /balance and /ledger: what an organisation has, as it sees it itself. */
export function accountRoutes(deps: AdminDependencies): Router {
  const router = Router()

  router.get('/balance', takes('organization_id'), async (req, res) => {
    const id = organizationOf(req)
    res.json(balanceToJson(await deps.balances.present(id)))
  })

  router.get('/ledger', takes(...LIST, 'organization_id'), async (req, res) => {
    const id = organizationOf(req)
    res.json(await ledgerPage(deps, id, { limit: limitOf(req), cursor: cursorOf(req, ledgerOf(id)) }))
  })

  return router
}
