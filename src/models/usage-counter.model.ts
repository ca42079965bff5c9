import { defineEntity, p } from '@mikro-orm/core'
import { Organization } from './organization.model.ts'
import { TariffPlan } from './tariff-plan.model.ts'

const UsageCounterSchema = defineEntity({
  name: 'UsageCounter',
  tableName: 'usage_counters',
  properties: {
    organizationId: () =>
      p
        .manyToOne(Organization)
        .primary()
        .mapToPk()
        .joinColumn('organization_id')
        .foreignKeyName('usage_counters_organization_fk')
        .deleteRule('no action')
        .updateRule('no action'),
    planId: () =>
      p
        .manyToOne(TariffPlan)
        .primary()
        .mapToPk()
        .joinColumn('plan_id')
        .foreignKeyName('usage_counters_plan_fk')
        .deleteRule('no action')
        .updateRule('no action'),
    component: p.string().length(64).primary(),
    periodStart: p.datetime(3).primary(),
    used: p.bigint('number').defaultRaw('0'),
    includedUsed: p.bigint('number').defaultRaw('0'),
    reserved: p.bigint('number').defaultRaw('0'),
  },
  checks: [{ name: 'usage_counters_not_negative', expression: 'used >= 0 and included_used >= 0 and reserved >= 0' }],
})

/** Units per organisation, component and period: used, given free of them, and free units promised to open holds. */
export class UsageCounter extends UsageCounterSchema.class {}
UsageCounterSchema.setClass(UsageCounter)

export { UsageCounterSchema }
