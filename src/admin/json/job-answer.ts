import { z } from 'zod'
import { accountId, amount, currency, listOf, next, time, uuid } from './answer-fields.ts'
import { warningAnswer } from './tariff-answer.ts'

const states = ['queued', 'processing', 'charged', 'rejected_for_balance', 'failed', 'cancelled'] as const
const jobState = z.enum(states).meta({ id: 'JobState' })
export const JOB_STATES: readonly (typeof states)[number][] = states

const steps = z.array(z.array(z.string()))

const stage = z.strictObject({
  stage: z.string(),
  state: z.enum(['waiting', 'running', 'charged', 'reversed']),
  tokens: z.int(),
  charged: amount,
  result: z.string().nullable().meta({ description: 'What a charged stage made, whatever became of the job' }),
  finished_at: time.nullable(),
})

const rejection = z.strictObject({
  reason: z.enum(['insufficient', 'held_by_others', 'past_due', 'frozen', 'member_limit']),
  stage: z.string(),
  needed: amount,
  available: amount,
  missing: amount,
  currency,
  detail: z.string(),
  expires_at: time,
})

export const jobAnswer = z
  .strictObject({
    id: uuid,
    organization_id: accountId,
    user_id: accountId.nullable(),
    external_id: z.string().nullable(),
    state: jobState,
    stage: z.string().nullable().meta({ description: 'Where it is or stopped; null when charged' }),
    steps,
    tariff_id: uuid.nullable(),
    tariff_version: z.int().nullable(),
    currency,
    held: amount,
    charged: amount,
    stages: z.array(stage),
    rejection: rejection.nullable(),
    failure: z.strictObject({ code: z.string(), stage: z.string(), detail: z.string() }).nullable(),
    result: z.strictObject({ text: z.string() }).nullable(),
    created_at: time,
    finished_at: time.nullable(),
    next,
  })
  .meta({ id: 'Job' })

/** Jobs that were handed in together, in their order. */
export const jobsAnswer = z.strictObject({ data: z.array(jobAnswer) }).meta({ id: 'Jobs' })
export const jobListAnswer = listOf(jobAnswer)

const line = z.strictObject({
  stage: z.string(),
  component: z.string().nullable(),
  kind: z.string(),
  model: z.string().nullable(),
  llm_model: z.string().nullable(),
  token_class: z.string().nullable(),
  quantity: z.int(),
  source: z.enum(['counted', 'reported']),
  included_used: z.int(),
  billed_quantity: z.int(),
  price: amount.nullable(),
  per: z.int().nullable(),
  tiers: z.array(z.strictObject({ up_to: z.int().nullable(), price: amount })).nullable(),
  counter_before: z.int(),
  counter_after: z.int(),
  billed_before: z.int(),
  amount,
  written_off: amount,
  ledger_seq: z.int().nullable(),
})

export const receiptAnswer = z
  .strictObject({
    job_id: uuid,
    organization_id: accountId,
    state: jobState,
    final: z.boolean(),
    currency,
    tariff_id: uuid.nullable(),
    tariff_version: z.int().nullable(),
    tokenizer: z.strictObject({ id: z.string(), version: z.string() }),
    rounding: z.literal('half_up_per_line'),
    held: amount,
    charged: amount,
    reversed: amount,
    released: amount,
    written_off: amount,
    total: amount,
    lines: z.array(line),
    issued_at: time,
  })
  .meta({ id: 'Receipt' })

const bounds = { lower: amount, upper: amount }
const stageBounds = z.array(z.strictObject({ stage: z.string(), ...bounds }))
const quotedFor = {
  organization_id: accountId,
  tariff_id: uuid,
  tariff_version: z.int(),
  currency,
  available: amount,
  affordable: z.boolean(),
  input_tokens: z.int(),
  ...bounds,
  warnings: z.array(warningAnswer),
}

const quote = z.strictObject({ ...quotedFor, stages: stageBounds }).meta({ id: 'Quote' })

const listQuote = z
  .strictObject({
    ...quotedFor,
    texts: z.int(),
    fitting: z.int(),
    fitting_at_most: z.int(),
    missing: amount,
    quotes: z.array(
      z.strictObject({
        index: z.int(),
        input_tokens: z.int(),
        ...bounds,
        fits: z.boolean(),
        reason: z.string().nullable(),
        stages: stageBounds,
      }),
    ),
  })
  .meta({ id: 'ListQuote' })

/** Of one text, or of a list of them. */
export const quoteAnswer = z.union([quote, listQuote])
