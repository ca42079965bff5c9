import { defineEntity, p } from '@mikro-orm/core'

const TariffPlanSchema = defineEntity({
  name: 'TariffPlan',
  tableName: 'tariff_plans',
  properties: {
    id: p.uuid().primary(),
    currency: p.string().length(3),
    createdAt: p.datetime(3).defaultRaw('now()'),
    archivedAt: p.datetime(3).strictNullable(),
  },
})

/** The identity of a plan; what it costs stands in its numbered versions. */
export class TariffPlan extends TariffPlanSchema.class {}
TariffPlanSchema.setClass(TariffPlan)

export { TariffPlanSchema }
