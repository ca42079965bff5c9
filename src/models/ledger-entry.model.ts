import { defineEntity, p } from '@mikro-orm/core'

const LedgerEntrySchema = defineEntity({
  name: 'LedgerEntry',
  tableName: 'ledger_entries',
  properties: {
    // No foreign key: an entry is only written under its organisation's lock, and a check per row costs a third of writing it.
    organizationId: p.string().length(64).primary(),
    seq: p.bigint('number').primary(),
    id: p.uuid(),
    kind: p.text().$type<LedgerKind>(),
    debitAccount: p.text().$type<LedgerAccount>(),
    creditAccount: p.text().$type<LedgerAccount>(),
    amount: p.bigint(),
    currency: p.string().length(3),
    availableAfter: p.bigint(),
    heldAfter: p.bigint(),
    businessKey: p.text(),
    jobId: p.uuid().strictNullable(),
    stage: p.text().strictNullable(),
    component: p.text().strictNullable(),
    tokenClass: p.text().strictNullable(),
    reference: p.text().strictNullable(),
    reversesSeq: p.bigint('number').strictNullable(),
    details: p.json<unknown>().strictNullable(),
    createdAt: p.datetime(3),
  },
  indexes: [
    {
      // Finds the entries of a job, too. A key of a job names it, so the pair is unique when the key is.
      name: 'ledger_entries_key_unique',
      expression: `create unique index "ledger_entries_key_unique" on "tollkeeper"."ledger_entries" ("job_id", "business_key") nulls not distinct`,
    },
  ],
  checks: [
    { name: 'ledger_entries_amount_positive', expression: 'amount > 0' },
    { name: 'ledger_entries_two_accounts', expression: 'debit_account <> credit_account' },
    { name: 'ledger_entries_held_not_negative', expression: 'held_after >= 0' },
    {
      name: 'ledger_entries_kind_known',
      expression: `kind in ('top_up', 'hold', 'extend', 'charge', 'release', 'reversal', 'plan_fee', 'seat_fee', 'feature', 'write_off', 'adjustment')`,
    },
  ],
})

export type LedgerKind =
  | 'top_up'
  | 'hold'
  | 'extend'
  | 'charge'
  | 'release'
  | 'reversal'
  | 'plan_fee'
  | 'seat_fee'
  | 'feature'
  | 'write_off'
  | 'adjustment'

export type LedgerAccount = 'available' | 'held' | 'revenue' | 'funding' | 'write_off' | 'adjustment'

/** One movement of money, both sides in one row, written once: a trigger and the roles refuse every change. Nano-units. */
export class LedgerEntry extends LedgerEntrySchema.class {}
LedgerEntrySchema.setClass(LedgerEntry)

export { LedgerEntrySchema }
