import { z } from 'zod'
import { COMPONENT_KEY } from '../../foundation/ids.ts'
import { accountId, key, label, units } from '../fields.ts'

/** A feature as a request charges it. */
export const newFeatureCharge = z
  .strictObject({
    organization_id: accountId,
    feature: key(COMPONENT_KEY),
    quantity: units(1),
    key: label(),
    user_id: z.nullable(accountId).optional(),
  })
  .transform(({ organization_id: organizationId, user_id: userId = null, ...same }) => ({
    ...same,
    organizationId,
    userId,
  }))
