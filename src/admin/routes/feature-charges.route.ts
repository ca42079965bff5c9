import { NotFoundError } from '../../foundation/errors.ts'
import { featureChargeToJson } from '../../managers/contract-json.ts'
import type { FeatureChargeResult } from '../../managers/feature-charge-view.ts'
import { type Answer, created, given, ok } from '../answer.ts'
import { listOf } from '../json/answer-fields.ts'
import { featureChargeAnswer } from '../json/feature-charge-answer.ts'
import { newFeatureCharge } from '../json/feature-charge-request.ts'
import { uuidPart } from '../parameters.ts'
import { answer, route } from '../route.ts'

const TAG = 'Feature charges'

/** /feature-charges: what a platform charges for features outside of any job (ADR 24); organisations only read them. */
export const featureChargeRoutes = [
  route(
    {
      method: 'post',
      path: '/feature-charges',
      operation: 'chargeFeature',
      tag: TAG,
      summary: 'Charge a feature outside of any job, once per key',
      scope: 'admin',
      body: newFeatureCharge,
      idempotent: true,
      dryRun: true,
      answers: {
        200: answer('What this key charged before', featureChargeAnswer),
        201: answer('What it cost', featureChargeAnswer),
      },
      problems: ['not-found', 'no-tariff', 'not-a-member', 'insufficient-balance', 'reference-conflict'],
    },
    async ({ body: { organizationId, feature, quantity, key, userId }, order }, { billing }) =>
      given(await billing.chargeFeature(organizationId, feature, quantity, key, { userId }, order(chargedAnswer))),
  ),

  route(
    {
      method: 'get',
      path: '/feature-charges',
      operation: 'listFeatureCharges',
      tag: TAG,
      summary: 'List what was charged for features, newest first',
      scope: 'tenant',
      organization: 'query',
      list: true,
      answers: { 200: answer('Charges', listOf(featureChargeAnswer)) },
    },
    async ({ organizationId, page, pageOf, read }, { featureCharges }) => {
      const list = `feature charges ${organizationId}`
      const { limit, position } = page(list)
      const from = { limit, before: position && String(position[0]) }
      const { charges, more } = await read((em) => featureCharges.list(em, organizationId, from))
      return ok(pageOf(list, charges.map(featureChargeToJson), more ? charges.at(-1)?.id : null))
    },
  ),

  route(
    {
      method: 'get',
      path: '/feature-charges/{id}',
      operation: 'getFeatureCharge',
      tag: TAG,
      summary: 'Show what was charged for a feature',
      scope: 'tenant',
      organization: 'any',
      params: { id: uuidPart('The charge') },
      answers: { 200: answer('The charge', featureChargeAnswer) },
    },
    async ({ params: { id }, organizationId, read }, { featureCharges }) => {
      const charge = await read((em) => featureCharges.find(em, id))
      // A charge of another organisation looks exactly like one that does not exist.
      if (organizationId !== null && charge.organizationId !== organizationId) throw new NotFoundError()
      return ok(featureChargeToJson(charge))
    },
  ),
]

function chargedAnswer(charge: FeatureChargeResult): Answer {
  const json = featureChargeToJson(charge)
  return charge.replayed ? ok(json) : created(`/api/v1/feature-charges/${charge.id}`, json)
}
