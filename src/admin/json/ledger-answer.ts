import { z } from 'zod'
import type { LedgerAccount, LedgerKind } from '../../models/ledger-entry.model.ts'
import { accountId, amount, currency, time, uuid } from './answer-fields.ts'

export const LEDGER_KINDS = [
  'top_up',
  'hold',
  'extend',
  'charge',
  'release',
  'reversal',
  'plan_fee',
  'seat_fee',
  'feature',
  'write_off',
  'adjustment',
] as const satisfies readonly LedgerKind[]

const account = z.enum([
  'available',
  'held',
  'revenue',
  'funding',
  'write_off',
  'adjustment',
] as const satisfies readonly LedgerAccount[])

export const ledgerEntryAnswer = z
  .strictObject({
    id: uuid,
    organization_id: accountId,
    seq: z.int().meta({ description: 'Its place in the ledger, from 1 on and without gaps' }),
    kind: z.enum(LEDGER_KINDS),
    debit_account: account,
    credit_account: account,
    amount,
    currency,
    available_after: amount,
    held_after: amount,
    job_id: uuid.nullable(),
    stage: z.string().nullable(),
    component: z.string().nullable(),
    token_class: z.string().nullable(),
    reference: z.string().nullable().meta({ description: 'Of a payment, or the key of a charge outside of any job' }),
    reverses_seq: z.int().nullable().meta({ description: 'The entry that it takes back' }),
    created_at: time,
  })
  .meta({ id: 'LedgerEntry' })
