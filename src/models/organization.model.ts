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
    periodAnchor: p.datetime(3),
    periodStart: p.datetime(3),
    periodEnd: p.datetime(3),
    createdAt: p.datetime(3).defaultRaw('now()'),
  },
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
