import { defineEntity, p } from '@mikro-orm/core'

const AbsorbedUsageSchema = defineEntity({
  name: 'AbsorbedUsage',
  tableName: 'absorbed_usage',
  properties: {
    id: p.uuid().primary(),
    // Together they refer to a job of this organisation, by absorbed_usage_job_fk.
    organizationId: p.string().length(64),
    jobId: p.uuid(),
    stage: p.string().length(64),
    reason: p.text().$type<AbsorbedReason>(),
    usage: p.json<unknown>().columnType('json'),
    tokens: p.bigint('number'),
    cost: p.bigint(),
    createdAt: p.datetime(3),
  },
  indexes: [
    { name: 'absorbed_usage_of_organization', properties: ['organizationId', 'createdAt'] },
    { name: 'absorbed_usage_of_job', properties: ['jobId'] },
  ],
  checks: [
    {
      name: 'absorbed_usage_reason_known',
      expression: `reason in ('replayed', 'late', 'abandoned', 'broken_off')`,
    },
    { name: 'absorbed_usage_figures', expression: 'tokens >= 0 and cost >= 0' },
  ],
})

export type AbsorbedReason = 'replayed' | 'late' | 'abandoned' | 'broken_off'

/**
 * Work of models that no customer pays for, which the platform bears: what was used, and why nobody pays. `cost` is what
 * the customer would have paid by the job's tariff, in nano-units; what a provider charges is known from `usage`. Written
 * once, no money moves with it.
 */
class AbsorbedUsage extends AbsorbedUsageSchema.class {}
AbsorbedUsageSchema.setClass(AbsorbedUsage)

export { AbsorbedUsageSchema }
