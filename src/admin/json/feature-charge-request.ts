import { z } from 'zod'
import { COMPONENT_KEY } from '../../foundation/ids.ts'
import { accountId, key, label, units } from '../fields.ts'

/** A feature as a request charges it. */
export const newFeatureCharge = z
  .strictObject({
    organization_id: accountId.meta({ description: 'Who pays' }),
    feature: key(COMPONENT_KEY).meta({
      description: 'As a component of the tariff names it; others are billed at zero',
    }),
    quantity: units(1),
    key: label().meta({ description: 'Your name for this charge: the same one charges once' }),
    user_id: z.nullable(accountId).optional().meta({ description: 'The member who used it' }),
  })
  .transform(({ organization_id: organizationId, user_id: userId = null, ...same }) => ({
    ...same,
    organizationId,
    userId,
  }))
