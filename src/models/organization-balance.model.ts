import { defineEntity, p } from '@mikro-orm/core'
import { Organization } from './organization.model.ts'

/** A limit may be lowered once the money is back; the entries from before are judged by the highest it ever was. */
function peakOf({ overdraftLimit = 0n, overdraftLimitPeak = 0n }: Limits): bigint {
  return overdraftLimit > overdraftLimitPeak ? overdraftLimit : overdraftLimitPeak
}

interface Limits {
  readonly overdraftLimit?: bigint
  readonly overdraftLimitPeak?: bigint
}

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
    overdraftLimitPeak: p.bigint().defaultRaw('0').onCreate(peakOf).onUpdate(peakOf),
    seq: p.bigint('number').defaultRaw('0'),
    seatsUsed: p.integer().default(0),
    seatsPaid: p.integer().default(0),
    checkedSeq: p.bigint('number').defaultRaw('0'),
    stamp: p.uuid().defaultRaw('gen_random_uuid()'),
  },
  checks: [
    { name: 'organization_balances_never_below_limit', expression: 'available >= - overdraft_limit' },
    { name: 'organization_balances_held_not_negative', expression: 'held >= 0' },
    { name: 'organization_balances_limit_not_negative', expression: 'overdraft_limit >= 0' },
    { name: 'organization_balances_seats_not_negative', expression: 'seats_used >= 0 and seats_paid >= 0' },
  ],
})

/**
 * The ledger's projection, one hot row per organisation. Whoever moves money locks this row first. Nano-units.
 * `checkedSeq` is up to where the scheduled check has verified the ledger; `stamp` changes with anything that the
 * organisation's money is decided by.
 */
export class OrganizationBalance extends OrganizationBalanceSchema.class {}
OrganizationBalanceSchema.setClass(OrganizationBalance)

export { OrganizationBalanceSchema }
