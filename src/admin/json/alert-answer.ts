import { z } from 'zod'
import { accountId, amount, currency, time, uuid } from './answer-fields.ts'

const LINE = {
  metric: z.enum(['available', 'headroom']),
  below: amount,
  clear_at: amount.meta({ description: 'Where it is armed again' }),
}

export const thresholdAnswer = z
  .strictObject({
    id: uuid,
    organization_id: accountId,
    ...LINE,
    currency,
    state: z.enum(['armed', 'raised']),
    alert_id: uuid.nullable().meta({ description: 'The alert that is raised' }),
    created_at: time,
  })
  .meta({ id: 'Threshold' })

export const alertAnswer = z
  .strictObject({
    id: uuid,
    organization_id: accountId,
    threshold_id: uuid,
    ...LINE,
    state: z.enum(['raised', 'cleared']),
    value: amount.meta({ description: 'What was below' }),
    available: amount,
    demanded: amount.nullable().meta({ description: 'What waiting jobs were quoted at; null where it was not judged' }),
    estimated: z.boolean().meta({ description: 'Whether demanded is in part a mean of some quotes' }),
    currency,
    raised_at: time,
    cleared_at: time.nullable(),
    seq: z.int().meta({ description: 'The ledger entry after which the balance was so' }),
  })
  .meta({ id: 'Alert' })
