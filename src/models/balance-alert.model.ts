import { defineEntity, p } from '@mikro-orm/core'
import type { AlertMetric } from './balance-threshold.model.ts'

const BalanceAlertSchema = defineEntity({
  name: 'BalanceAlert',
  tableName: 'balance_alerts',
  properties: {
    id: p.uuid().primary(),
    // No foreign keys, as in the ledger: rows are only written under their organisation's lock, and outlive their threshold.
    organizationId: p.string().length(64),
    thresholdId: p.uuid(),
    metric: p.text().$type<AlertMetric>(),
    below: p.bigint(),
    clearAt: p.bigint(),
    value: p.bigint(),
    available: p.bigint(),
    demanded: p.bigint().strictNullable(),
    estimated: p.boolean(),
    seq: p.bigint('number'),
    raisedAt: p.datetime(3),
    clearedAt: p.datetime(3).strictNullable(),
    toldAt: p.datetime(3).strictNullable(),
  },
  indexes: [
    { name: 'balance_alerts_of_organization', properties: ['organizationId', 'id'] },
    {
      name: 'balance_alerts_one_raised',
      expression: `create unique index "balance_alerts_one_raised" on "tollkeeper"."balance_alerts" ("organization_id", "threshold_id") where (cleared_at is null)`,
    },
    {
      name: 'balance_alerts_untold',
      expression: `create index "balance_alerts_untold" on "tollkeeper"."balance_alerts" ("id") where (told_at is null)`,
    },
  ],
  checks: [
    { name: 'balance_alerts_metric_known', expression: `metric in ('available', 'headroom')` },
    { name: 'balance_alerts_figures', expression: 'demanded >= 0 and seq >= 0' },
  ],
})

/**
 * One crossing of a threshold, with the figures that it was judged by, in nano-units: raised while `clearedAt` is null.
 * `seq` is the ledger entry after which the balance was so; `demanded` is null where only `available` was judged, and
 * `estimated` says that it is in part a mean. `toldAt` is when somebody was told.
 */
export class BalanceAlert extends BalanceAlertSchema.class {}
BalanceAlertSchema.setClass(BalanceAlert)

export { BalanceAlertSchema }
