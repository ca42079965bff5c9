import type { FundingResult } from '../../managers/balance-view.ts'
import { fundingToJson } from '../../managers/contract-json.ts'
import { type Answer, created, given, ok } from '../answer.ts'
import { fundingAnswer } from '../json/organization-answer.ts'
import { adjustment, topUp } from '../json/organization-json.ts'
import { accountPart } from '../parameters.ts'
import { answer, route } from '../route.ts'

const TAG = 'Money'
const params = { id: accountPart('The organisation') }
const answers = {
  200: answer('What this reference did before', fundingAnswer),
  201: answer('What it did, and what it unlocked', fundingAnswer),
}

/** /admin/organizations/{id}/{top-ups,adjustments}: money by hand. */
export const moneyRoutes = [
  route(
    {
      method: 'post',
      path: '/admin/organizations/{id}/top-ups',
      operation: 'createTopUp',
      tag: TAG,
      summary: 'Put money in, once per reference, and resume what waits for it',
      description: 'It pays fees first, then seats, then parked jobs, the oldest first.',
      scope: 'admin',
      params,
      body: topUp,
      idempotent: true,
      dryRun: true,
      answers,
      problems: ['reference-conflict'],
    },
    async ({ params: { id }, body, order }, { balances }) => given(await balances.topUp(id, body, order(answerOf(id)))),
  ),

  route(
    {
      method: 'post',
      path: '/admin/organizations/{id}/adjustments',
      operation: 'createAdjustment',
      tag: TAG,
      summary: 'Correct a balance by hand, once per reference',
      scope: 'admin',
      params,
      body: adjustment,
      idempotent: true,
      dryRun: true,
      answers,
      problems: ['reference-conflict', 'insufficient-balance'],
    },
    async ({ params: { id }, body, order }, { balances }) =>
      given(await balances.adjust(id, body, order(answerOf(id)))),
  ),
]

function answerOf(id: string) {
  return (result: FundingResult): Answer => {
    const json = fundingToJson(result)
    return result.replayed ? ok(json) : created(`/api/v1/admin/organizations/${id}/ledger`, json)
  }
}
