import { defineEntity, p } from '@mikro-orm/core'
import { Organization } from './organization.model.ts'
import { TariffVersion } from './tariff-version.model.ts'

const BillingPeriodSchema = defineEntity({
  name: 'BillingPeriod',
  tableName: 'billing_periods',
  properties: {
    organizationId: () =>
      p
        .manyToOne(Organization)
        .primary()
        .mapToPk()
        .joinColumn('organization_id')
        .foreignKeyName('billing_periods_organization_fk')
        .deleteRule('no action')
        .updateRule('no action'),
    number: p.integer().primary(),
    periodStart: p.datetime(3),
    periodEnd: p.datetime(3),
    tariffVersionId: () =>
      p
        .manyToOne(TariffVersion)
        .mapToPk()
        .joinColumn('tariff_version_id')
        .foreignKeyName('billing_periods_tariff_version_fk')
        .deleteRule('no action')
        .updateRule('no action')
        .strictNullable(),
    planFee: p.bigint().defaultRaw('0'),
    seats: p.integer().default(0),
    seatFee: p.bigint().defaultRaw('0'),
    credit: p.bigint().defaultRaw('0'),
    dueAt: p.datetime(3),
    paidAt: p.datetime(3).strictNullable(),
    openingSeq: p.bigint('number').defaultRaw('0'),
    openingAvailable: p.bigint().defaultRaw('0'),
    openingHeld: p.bigint().defaultRaw('0'),
    closingSeq: p.bigint('number').strictNullable(),
    closingAvailable: p.bigint().strictNullable(),
    closingHeld: p.bigint().strictNullable(),
    closedAt: p.datetime(3).strictNullable(),
  },
  indexes: [
    {
      name: 'billing_periods_open',
      expression: `create index "billing_periods_open" on "tollkeeper"."billing_periods" ("organization_id", "number") where ((closed_at is null) or (paid_at is null))`,
    },
  ],
  checks: [
    {
      name: 'billing_periods_amounts',
      expression: 'plan_fee >= 0 and seat_fee >= 0 and credit >= 0 and seats >= 0',
    },
    { name: 'billing_periods_closed_whole', expression: '(closed_at is null) = (closing_seq is null)' },
  ],
})

/** One period of an organisation's subscription: its fees, and the balance at both its ends. Nano-units. */
export class BillingPeriod extends BillingPeriodSchema.class {}
BillingPeriodSchema.setClass(BillingPeriod)

export { BillingPeriodSchema }
