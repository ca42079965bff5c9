import { defineEntity, p } from '@mikro-orm/core'
import { TariffPlan } from './tariff-plan.model.ts'

const TariffVersionSchema = defineEntity({
  name: 'TariffVersion',
  tableName: 'tariff_versions',
  properties: {
    id: p.uuid().primary(),
    planId: () =>
      p
        .manyToOne(TariffPlan)
        .mapToPk()
        .joinColumn('plan_id')
        .foreignKeyName('tariff_versions_plan_fk')
        .deleteRule('no action')
        .updateRule('no action'),
    version: p.integer(),
    state: p.text().$type<TariffVersionState>(),
    name: p.text(),
    pricePerMonth: p.bigint(),
    maxTeamMembers: p.integer().strictNullable(),
    memberPrice: p.bigint(),
    minimumPerJob: p.bigint().defaultRaw('0'),
    chargeOnFailure: p.text().$type<'none' | 'finished_stages'>(),
    graceDays: p.integer().default(7),
    suspendAfterDays: p.integer().default(30),
    createdAt: p.datetime(3).defaultRaw('now()'),
    publishedAt: p.datetime(3).strictNullable(),
    contentHash: p.text().strictNullable(),
  },
  uniques: [{ name: 'tariff_versions_number_unique', properties: ['planId', 'version'] }],
  indexes: [
    {
      name: 'tariff_versions_one_draft',
      expression: `create unique index "tariff_versions_one_draft" on "tollkeeper"."tariff_versions" ("plan_id") where (state = 'draft'::text)`,
    },
  ],
  checks: [
    { name: 'tariff_versions_state_known', expression: `state in ('draft', 'published', 'archived')` },
    { name: 'tariff_versions_prices_not_negative', expression: 'price_per_month >= 0 and member_price >= 0' },
    { name: 'tariff_versions_minimum_not_negative', expression: 'minimum_per_job >= 0' },
    { name: 'tariff_versions_members_not_negative', expression: 'max_team_members >= 0' },
    { name: 'tariff_versions_failure_known', expression: `charge_on_failure in ('none', 'finished_stages')` },
    { name: 'tariff_versions_days_not_negative', expression: 'grace_days >= 0 and suspend_after_days >= 0' },
    { name: 'tariff_versions_hash_form', expression: `content_hash ~ '^[0-9a-f]{64}$'` },
  ],
})

export type TariffVersionState = 'draft' | 'published' | 'archived'

/**
 * One numbered edition of a plan. A published one never changes again, which the table itself refuses: jobs and
 * organisations pin it. `contentHash` is kept with the publication; versions from before have none. Nano-units.
 */
export class TariffVersion extends TariffVersionSchema.class {}
TariffVersionSchema.setClass(TariffVersion)

export { TariffVersionSchema }
