import type { Tenant } from '../../database/tenant.ts'
import { usageToCsv, usageToJson } from '../../managers/usage-json.ts'
import { csv, ok } from '../answer.ts'
import type { AdminDependencies } from '../dependencies.ts'
import { usageAnswer } from '../json/report-answer.ts'
import { accountPart } from '../parameters.ts'
import { chosen, usageQuery, usageRequestOf, wantsCsv } from '../report-query.ts'
import { type Asked, answer, type Read, type RouteTerms, route } from '../route.ts'

const OF_USAGE = {
  method: 'get',
  tag: 'Reports',
  query: usageQuery,
  answers: {
    200: answer('Sums of the lines that were charged, in parts and groups that have any', usageAnswer, 'text/csv'),
  },
  problems: ['validation'],
} as const

/** /usage and /admin/organizations/{id}/usage: what an organisation used, by time and by whatever it is asked by. */
export const usageRoutes = [
  route(
    {
      ...OF_USAGE,
      path: '/usage',
      operation: 'getUsage',
      summary: 'Sum up what was used',
      scope: 'tenant',
      organization: 'query',
    },
    (asked, deps) => usageOf({ organizationId: asked.organizationId, userId: asked.principal.userId }, asked, deps),
  ),

  route(
    {
      ...OF_USAGE,
      path: '/admin/organizations/{id}/usage',
      operation: 'getOrganizationUsage',
      summary: 'Sum up what an organisation used',
      scope: 'operator',
      params: { id: accountPart('The organisation') },
    },
    (asked, deps) => usageOf({ organizationId: asked.params.id, userId: null }, asked, deps),
  ),
]

type AskedForUsage = Pick<Asked<RouteTerms>, 'req'> & { readonly query: Read<typeof usageQuery> }

async function usageOf(tenant: Tenant, asked: AskedForUsage, { usage }: AdminDependencies) {
  const report = await usage.report(tenant, usageRequestOf(asked.query))
  return chosen(wantsCsv(asked) ? csv(`usage-${tenant.organizationId}`, [usageToCsv(report)]) : ok(usageToJson(report)))
}
