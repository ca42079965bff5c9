import { defineEntity, p } from '@mikro-orm/core'
import { TariffVersion } from './tariff-version.model.ts'

const OrganizationSchema = defineEntity({
  name: 'Organization',
  tableName: 'organizations',
  properties: {
    id: p.string().length(64).primary(),
    name: p.text(),
    currency: p.string().length(3),
    tariffVersionId: () =>
      p
        .manyToOne(TariffVersion)
        .mapToPk()
        .joinColumn('tariff_version_id')
        .foreignKeyName('organizations_tariff_version_fk')
        .deleteRule('no action')
        .updateRule('no action')
        .strictNullable(),
    status: p.text().$type<OrganizationStatus>().default('active'),
    /** The version that the next renewal, or `nextTariffAt` if that is given, goes over to. */
    nextTariffVersionId: () =>
      p
        .manyToOne(TariffVersion)
        .mapToPk()
        .joinColumn('next_tariff_version_id')
        .foreignKeyName('organizations_next_tariff_version_fk')
        .deleteRule('no action')
        .updateRule('no action')
        .strictNullable(),
    nextTariffAt: p.datetime(3).strictNullable(),
    dueSince: p.datetime(3).strictNullable(),
    statusUntil: p.datetime(3).strictNullable(),
    periodNumber: p.integer().default(1),
    periodAnchor: p.datetime(3),
    periodStart: p.datetime(3),
    periodEnd: p.datetime(3),
    createdAt: p.datetime(3).defaultRaw('now()'),
  },
  indexes: [
    { name: 'organizations_period_end', properties: ['periodEnd'] },
    {
      name: 'organizations_due_by_time',
      expression: `create index "organizations_due_by_time" on "tollkeeper"."organizations" (least("status_until", "next_tariff_at")) where ((status_until is not null) or (next_tariff_at is not null))`,
    },
  ],
  checks: [
    { name: 'organizations_status_known', expression: `status in ('active', 'past_due', 'suspended', 'frozen')` },
    { name: 'organizations_period_forward', expression: 'period_end > period_start' },
  ],
})

export type OrganizationStatus = 'active' | 'past_due' | 'suspended' | 'frozen'

/** A customer: who it is, what it pays by, and the period that its counters run in. Its money stands in OrganizationBalance. */
export class Organization extends OrganizationSchema.class {}
OrganizationSchema.setClass(Organization)

export { OrganizationSchema }
