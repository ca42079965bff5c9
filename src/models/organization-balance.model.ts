import { defineEntity, p } from '@mikro-orm/core'
import { Organization } from './organization.model.ts'

const OrganizationBalanceSchema = defineEntity({
  name: 'OrganizationBalance',
  tableName: 'organization_balances',
  properties: {
    organizationId: () =>
      p
        .oneToOne(Organization)
        .primary()
        .mapToPk()
        .joinColumn('organization_id')
        .foreignKeyName('organization_balances_organization_fk')
        .deleteRule('no action')
        .updateRule('no action'),
    available: p.bigint().defaultRaw('0'),
    held: p.bigint().defaultRaw('0'),
    overdraftLimit: p.bigint().defaultRaw('0'),
    seq: p.bigint('number').defaultRaw('0'),
    seatsUsed: p.integer().default(0),
    seatsPaid: p.integer().default(0),
  },
  checks: [
    { name: 'organization_balances_never_below_limit', expression: 'available >= - overdraft_limit' },
    { name: 'organization_balances_held_not_negative', expression: 'held >= 0' },
    { name: 'organization_balances_limit_not_negative', expression: 'overdraft_limit >= 0' },
    { name: 'organization_balances_seats_not_negative', expression: 'seats_used >= 0 and seats_paid >= 0' },
  ],
})

/** The ledger's projection, one hot row per organisation. Whoever moves money locks this row first. Nano-units. */
export class OrganizationBalance extends OrganizationBalanceSchema.class {}
OrganizationBalanceSchema.setClass(OrganizationBalance)

export { OrganizationBalanceSchema }
