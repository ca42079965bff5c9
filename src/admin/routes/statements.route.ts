import { periodToJson, statementToCsv, statementToJson } from '../../managers/statement-json.ts'
import { csv, ok } from '../answer.ts'
import type { AdminDependencies } from '../dependencies.ts'
import { listOf } from '../json/answer-fields.ts'
import { periodAnswer, statementAnswer } from '../json/report-answer.ts'
import { accountPart, pathPart } from '../parameters.ts'
import { chosen, format, wantsCsv } from '../report-query.ts'
import { type Asked, answer, type Read, type RouteTerms, route } from '../route.ts'

/** What a period is called: by its number, or `current`. */
const PERIOD = /^(current|[1-9]\d{0,8})$/

const LIST = {
  method: 'get',
  tag: 'Reports',
  list: true,
  answers: { 200: answer('Periods, newest first', listOf(periodAnswer)) },
} as const
const ONE = {
  method: 'get',
  tag: 'Reports',
  query: { format },
  answers: {
    200: answer(
      'What moved in it, and who had which share in what jobs and features cost',
      statementAnswer,
      'text/csv',
    ),
  },
} as const
const ofPeriod = { period: pathPart(PERIOD, 'Its number, or current') }
const ofOrganization = { id: accountPart('The organisation') }

/**
 * /statements and /admin/organizations/{id}/statements: what moved in each billing period, from its opening to its closing
 * balance.
 */
export const statementRoutes = [
  route(
    {
      ...LIST,
      path: '/statements',
      operation: 'listStatements',
      summary: 'List billing periods, and the balances between which they lie',
      scope: 'tenant',
      organization: 'query',
    },
    (asked, deps) => periodsOf(asked.organizationId, asked, deps),
  ),

  route(
    {
      ...ONE,
      path: '/statements/{period}',
      operation: 'getStatement',
      summary: 'Show the statement of a period, whose opening and movements come to its closing',
      scope: 'tenant',
      organization: 'query',
      params: ofPeriod,
    },
    (asked, deps) => statementOf(asked.organizationId, asked, deps),
  ),

  route(
    {
      ...LIST,
      path: '/admin/organizations/{id}/statements',
      operation: 'listOrganizationStatements',
      summary: 'List the billing periods of an organisation',
      scope: 'operator',
      params: ofOrganization,
    },
    (asked, deps) => periodsOf(asked.params.id, asked, deps),
  ),

  route(
    {
      ...ONE,
      path: '/admin/organizations/{id}/statements/{period}',
      operation: 'getOrganizationStatement',
      summary: 'Show the statement of an organisation for a period',
      scope: 'operator',
      params: { ...ofOrganization, ...ofPeriod },
    },
    (asked, deps) => statementOf(asked.params.id, asked, deps),
  ),
]

async function periodsOf(
  id: string,
  { page, pageOf }: Pick<Asked<RouteTerms>, 'page' | 'pageOf'>,
  { statements }: AdminDependencies,
) {
  const list = `statements ${id}`
  const { limit, position } = page(list)
  const { periods, next } = await statements.list(id, { limit, before: position && Number(position[0]) })
  return ok(pageOf(list, periods.map(periodToJson), next))
}

type AskedForStatement = Pick<Asked<RouteTerms>, 'req'> & {
  readonly params: { readonly period: string }
  readonly query: Read<typeof ONE.query>
}

async function statementOf(id: string, asked: AskedForStatement, { statements }: AdminDependencies) {
  const { period } = asked.params
  const statement = await statements.statement(id, period === 'current' ? period : Number(period))
  const name = `statement-${id}-${statement.number}`
  return chosen(wantsCsv(asked) ? csv(name, [statementToCsv(statement)]) : ok(statementToJson(statement)))
}
