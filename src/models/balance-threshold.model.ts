import { defineEntity, p } from '@mikro-orm/core'
import { Organization } from './organization.model.ts'

const BalanceThresholdSchema = defineEntity({
  name: 'BalanceThreshold',
  tableName: 'balance_thresholds',
  properties: {
    id: p.uuid().primary(),
    organizationId: () =>
      p
        .manyToOne(Organization)
        .mapToPk()
        .joinColumn('organization_id')
        .foreignKeyName('balance_thresholds_organization_fk')
        .deleteRule('no action')
        .updateRule('no action'),
    metric: p.text().$type<AlertMetric>(),
    below: p.bigint(),
    clearAt: p.bigint(),
    createdAt: p.datetime(3),
  },
  uniques: [{ name: 'balance_thresholds_line_unique', properties: ['organizationId', 'metric', 'below'] }],
  checks: [
    { name: 'balance_thresholds_metric_known', expression: `metric in ('available', 'headroom')` },
    { name: 'balance_thresholds_hysteresis', expression: 'below >= 0 and clear_at > below' },
  ],
})

export type AlertMetric = 'available' | 'headroom'

/**
 * A line that an organisation's balance shall not sink below unnoticed, in nano-units: crossed below `below`, armed again
 * at `clearAt`. Whether it is crossed, BalanceAlert says. Written by the money path, under the organisation's lock.
 */
export class BalanceThreshold extends BalanceThresholdSchema.class {}
BalanceThresholdSchema.setClass(BalanceThreshold)

export { BalanceThresholdSchema }
