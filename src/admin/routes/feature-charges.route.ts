import { Router } from 'express'
import { NotFoundError } from '../../foundation/errors.ts'
import { featureChargeToJson } from '../../managers/contract-json.ts'
import type { AdminDependencies } from '../dependencies.ts'
import { newFeatureCharge } from '../json/feature-charge-request.ts'
import { bodyOf } from '../parse.ts'
import {
  cursorOf,
  LIST,
  limitOf,
  organizationIfGiven,
  organizationOf,
  takes,
  toCursor,
  uuidParameter,
} from '../query.ts'

/** /feature-charges: what a platform charges for features outside of any job (ADR 24). */
export function featureChargeRoutes({ inTransaction, billing, featureCharges }: AdminDependencies): Router {
  const router = Router()

  router.post('/', takes(), async (req, res) => {
    const { organizationId, feature, quantity, key, userId } = bodyOf(req, newFeatureCharge)
    const charge = await billing.chargeFeature(organizationId, feature, quantity, key, { userId })
    if (!charge.replayed) res.status(201).location(`/api/v1/feature-charges/${charge.id}`)
    res.json(featureChargeToJson(charge))
  })

  router.get('/', takes(...LIST, 'organization_id'), async (req, res) => {
    const organizationId = organizationOf(req)
    const list = `feature charges ${organizationId}`
    const [limit, cursor] = [limitOf(req), cursorOf(req, list)]
    const before = cursor && String(cursor[0])
    const page = await inTransaction((em) => featureCharges.list(em, organizationId, { limit, before }))
    const last = page.more ? page.charges.at(-1) : undefined
    res.json({ data: page.charges.map(featureChargeToJson), next_cursor: toCursor(list, last?.id) })
  })

  /** A charge of another organisation looks exactly like one that does not exist. */
  router.get('/:id', takes('organization_id'), async (req, res) => {
    const [id, organizationId] = [uuidParameter(req, 'id'), organizationIfGiven(req)]
    const charge = await inTransaction((em) => featureCharges.find(em, id))
    if (organizationId !== null && charge.organizationId !== organizationId) throw new NotFoundError()
    res.json(featureChargeToJson(charge))
  })

  return router
}
