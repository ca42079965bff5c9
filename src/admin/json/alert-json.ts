import { z } from 'zod'
import type { AlertView, NewThreshold, ThresholdView } from '../../managers/alert.manager.ts'
import { formatAmount, type Nano } from '../../pricing/money.ts'
import { amount } from '../fields.ts'

/** A threshold as a request gives it (ADR 28). */
export const newThreshold = z
  .strictObject({
    metric: z
      .enum(['available', 'headroom'])
      .optional()
      .meta({ description: 'headroom: what is available without what waiting jobs are quoted at' }),
    below: amount,
    clear_at: z
      .nullable(amount)
      .optional()
      .meta({ description: 'Where it is armed again; a tenth above below unless given' }),
  })
  .transform(
    ({ metric, below, clear_at: clearAt }): NewThreshold => ({
      metric: metric ?? 'available',
      below,
      clearAt: clearAt ?? null,
    }),
  )

const amountOrNull = (nano: Nano | null): string | null => (nano === null ? null : formatAmount(nano))

export function thresholdToJson(threshold: ThresholdView) {
  return {
    id: threshold.id,
    organization_id: threshold.organizationId,
    metric: threshold.metric,
    below: formatAmount(threshold.below),
    clear_at: formatAmount(threshold.clearAt),
    currency: threshold.currency,
    state: threshold.alertId === null ? 'armed' : 'raised',
    alert_id: threshold.alertId,
    created_at: threshold.createdAt.toISOString(),
  }
}

export function alertToJson(alert: AlertView) {
  return {
    id: alert.id,
    organization_id: alert.organizationId,
    threshold_id: alert.thresholdId,
    metric: alert.metric,
    below: formatAmount(alert.below),
    clear_at: formatAmount(alert.clearAt),
    state: alert.clearedAt === null ? 'raised' : 'cleared',
    value: formatAmount(alert.value),
    available: formatAmount(alert.available),
    demanded: amountOrNull(alert.demanded),
    estimated: alert.estimated,
    currency: alert.currency,
    raised_at: alert.raisedAt.toISOString(),
    cleared_at: alert.clearedAt?.toISOString() ?? null,
    seq: alert.seq,
  }
}
