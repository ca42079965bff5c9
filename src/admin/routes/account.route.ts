import { balanceToJson } from '../../managers/contract-json.ts'
import { ok } from '../answer.ts'
import { balanceAnswer } from '../json/organization-answer.ts'
import { answer, route } from '../route.ts'

/** /balance: what an organisation has, as it sees it itself. */
export const accountRoutes = [
  route(
    {
      method: 'get',
      path: '/balance',
      operation: 'getBalance',
      tag: 'Money',
      summary: 'Show what is there',
      scope: 'tenant',
      members: 'all',
      organization: 'query',
      answers: { 200: answer('The balance', balanceAnswer) },
    },
    async ({ organizationId }, { balances }) => ok(balanceToJson(await balances.present(organizationId))),
  ),
]
