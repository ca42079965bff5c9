import { z } from 'zod'
import { accountId, amount, currency, time, uuid } from './answer-fields.ts'
import { featureLine } from './job-answer.ts'
import { balanceAnswer } from './organization-answer.ts'
import { warningAnswer } from './tariff-answer.ts'

export const featureChargeAnswer = z
  .strictObject({
    id: uuid,
    organization_id: accountId,
    key: z.string(),
    user_id: accountId.nullable(),
    feature: z.string(),
    quantity: z.int(),
    tariff_id: uuid,
    tariff_version: z.int(),
    period_start: time.meta({ description: 'Of the period whose counters it advanced' }),
    currency,
    charged: amount,
    lines: z.array(featureLine),
    ledger_seq: z.int().nullable().meta({ description: 'null where nothing moved' }),
    warnings: z.array(warningAnswer),
    balance: balanceAnswer.meta({ description: 'As it stood behind the charge' }),
    created_at: time,
  })
  .meta({ id: 'FeatureCharge' })
