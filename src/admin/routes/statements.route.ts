import { type Request, type Response, Router } from 'express'
import { periodToJson, statementToCsv, statementToJson } from '../../managers/statement-json.ts'
import type { AdminDependencies } from '../dependencies.ts'
import { accountParameter, cursorOf, LIST, limitOf, organizationOf, pathParameter, takes, toCursor } from '../query.ts'
import { sendCsv, wantsCsv } from '../report-query.ts'

type StatementDependencies = Pick<AdminDependencies, 'statements'>

/** What a period is called: by its number, or `current`. */
const PERIOD = /^(current|[1-9]\d{0,8})$/

/** /admin/organizations/:id/statements: what moved in each billing period, from its opening to its closing balance. */
export function organizationStatementRoutes(deps: StatementDependencies): Router {
  const router = Router({ mergeParams: true })
  router.get('/statements', takes(...LIST), async (req, res) => {
    res.json(await statementPage(deps, accountParameter(req, 'id'), req))
  })
  router.get('/statements/:period', takes('format'), (req, res) => {
    return sendStatement(deps, accountParameter(req, 'id'), req, res)
  })
  return router
}

/** /statements: the same for the organisation itself. */
export function statementRoutes(deps: StatementDependencies): Router {
  const router = Router()
  router.get('/statements', takes(...LIST, 'organization_id'), async (req, res) => {
    res.json(await statementPage(deps, organizationOf(req), req))
  })
  router.get('/statements/:period', takes('format', 'organization_id'), (req, res) => {
    return sendStatement(deps, organizationOf(req), req, res)
  })
  return router
}

async function statementPage({ statements }: StatementDependencies, id: string, req: Request) {
  const list = `statements ${id}`
  const [limit, cursor] = [limitOf(req), cursorOf(req, list)]
  const { periods, next } = await statements.list(id, { limit, before: cursor && Number(cursor[0]) })
  return { data: periods.map(periodToJson), next_cursor: toCursor(list, next) }
}

async function sendStatement(
  { statements }: StatementDependencies,
  id: string,
  req: Request,
  res: Response,
): Promise<void> {
  const [name, isCsv] = [pathParameter(req, 'period', (text) => PERIOD.test(text)), wantsCsv(req)]
  const statement = await statements.statement(id, name === 'current' ? name : Number(name))
  res.vary('Accept')
  if (isCsv) sendCsv(res, `statement-${id}-${statement.number}`, statementToCsv(statement))
  else res.json(statementToJson(statement))
}
