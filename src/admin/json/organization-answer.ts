import { z } from 'zod'
import { accountId, amount, currency, next, time, uuid } from './answer-fields.ts'

export const balanceAnswer = z
  .strictObject({
    organization_id: accountId,
    currency,
    available: amount.meta({ description: 'What new jobs may hold, besides the overdraft' }),
    held: amount.meta({ description: 'Set aside for jobs under way' }),
    overdraft_limit: amount.meta({ description: 'How far available may go below zero' }),
    seats_used: z.int(),
    seats_paid: z.int(),
    max_team_members: z.int().nullable(),
    parked: z.int().meta({ description: 'Jobs in rejected_for_balance' }),
    as_of_seq: z.int().meta({ description: 'The last ledger entry that is in these figures' }),
  })
  .meta({ id: 'Balance' })

export const organizationAnswer = z
  .strictObject({
    id: accountId,
    name: z.string(),
    currency,
    tariff_id: uuid.nullable(),
    tariff_version: z.int().nullable(),
    status: z.enum(['active', 'past_due', 'suspended', 'frozen']),
    period_start: time,
    period_end: time,
    next_tariff_version: z.int().nullable(),
    due_since: time.nullable(),
    created_at: time,
    balance: balanceAnswer,
    next,
  })
  .meta({ id: 'Organization' })

export const fundingAnswer = z
  .strictObject({
    id: uuid,
    organization_id: accountId,
    amount,
    currency,
    direction: z.enum(['credit', 'debit']).optional().meta({ description: 'Of an adjustment only' }),
    reference: z.string(),
    note: z.string().nullable(),
    seq: z.int(),
    balance: balanceAnswer,
    resumed_jobs: z.array(uuid),
    activated_members: z.array(accountId),
    created_at: time,
    next,
  })
  .meta({ id: 'Funding' })

export const memberAnswer = z
  .strictObject({
    organization_id: accountId,
    user_id: accountId,
    role: z.enum(['member', 'admin', 'owner']),
    state: z.enum(['active', 'pending_payment', 'removed']),
    charged: amount,
    needed: amount.nullable(),
    missing: amount.nullable(),
    currency,
    added_at: time,
    spending_limit: amount.nullable(),
    committed: amount,
    next,
  })
  .meta({ id: 'Member' })
