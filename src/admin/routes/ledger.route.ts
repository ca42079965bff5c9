import { ledgerAnswers, ledgerPage, ledgerQuery } from '../ledger-page.ts'
import { accountPart } from '../parameters.ts'
import { route } from '../route.ts'

const OF_LEDGER = {
  method: 'get',
  tag: 'Money',
  description:
    'Sorted by seq. With kind, from or to a page may hold fewer entries than limit, even none, and have a next one: so many entries are looked at for each. As CSV it is all of it, to its end at that moment.',
  query: ledgerQuery,
  list: true,
  answers: ledgerAnswers,
  problems: ['validation'],
} as const

/** /ledger and /admin/organizations/{id}/ledger: where money went. */
export const ledgerRoutes = [
  route(
    {
      ...OF_LEDGER,
      path: '/ledger',
      operation: 'listLedger',
      summary: 'List where money went, the first entry first',
      scope: 'tenant',
      organization: 'query',
    },
    (asked, deps) => ledgerPage(asked.organizationId, asked, deps),
  ),

  route(
    {
      ...OF_LEDGER,
      path: '/admin/organizations/{id}/ledger',
      operation: 'listOrganizationLedger',
      summary: 'List where the money of an organisation went, the first entry first',
      scope: 'operator',
      params: { id: accountPart('The organisation') },
    },
    (asked, deps) => ledgerPage(asked.params.id, asked, deps),
  ),
]
