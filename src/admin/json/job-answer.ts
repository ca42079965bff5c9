import { z } from 'zod'
import { accountId, amount, currency, listOf, next, time, uuid } from './answer-fields.ts'
import { warningAnswer } from './tariff-answer.ts'

const stageName = z.string().meta({ description: 'input, agent.<key> or output' })
export const JOB_STATES = ['queued', 'processing', 'charged', 'rejected_for_balance', 'failed', 'cancelled'] as const
const jobState = z.enum(JOB_STATES).meta({ id: 'JobState' })
const TERMS = { tariff_id: uuid.nullable(), tariff_version: z.int().nullable() }

const stage = z.strictObject({
  stage: stageName,
  state: z.enum(['waiting', 'running', 'charged', 'reversed']),
  tokens: z.int(),
  charged: amount,
  result: z.string().nullable().meta({ description: 'What it made, readable whatever became of the job' }),
  finished_at: time.nullable(),
})

const rejection = z
  .strictObject({
    reason: z.enum(['insufficient', 'held_by_others', 'past_due', 'frozen', 'member_limit']),
    stage: stageName,
    needed: amount,
    available: amount.meta({ description: 'Of the balance, or of the member’s limit where that is the reason' }),
    missing: amount,
    currency,
    detail: z.string().meta({ description: 'What unlocks it' }),
    expires_at: time.meta({ description: 'When it fails unless it was resumed' }),
  })
  .meta({ description: 'Why it waits' })

const failure = z
  .strictObject({
    code: z.enum([
      'unpriced-model',
      'max-cost-too-low',
      'provider-error',
      'stage-deadline',
      'agent-error',
      'worker-lost',
      'not-a-member',
    ]),
    stage: stageName,
    detail: z.string(),
  })
  .meta({ description: 'Why it ended without a result' })

export const jobAnswer = z
  .strictObject({
    id: uuid,
    organization_id: accountId,
    user_id: accountId.nullable(),
    external_id: z.string().nullable(),
    state: jobState,
    stage: stageName.nullable().meta({ description: 'Where it is or stopped; null when charged' }),
    steps: z
      .array(z.array(z.string()))
      .meta({ description: 'Steps one after another, the agents of one side by side' }),
    ...TERMS,
    currency,
    held: amount.meta({ description: 'What is left of what was set aside for it' }),
    charged: amount.meta({ description: 'What it cost so far, less what was given back' }),
    stages: z.array(stage),
    rejection: rejection.nullable(),
    failure: failure.nullable(),
    result: z.strictObject({ text: z.string() }).nullable(),
    created_at: time,
    finished_at: time.nullable(),
    next,
  })
  .meta({ id: 'Job' })

/** Jobs that were handed in together, in their order. */
export const jobsAnswer = z.strictObject({ data: z.array(jobAnswer) }).meta({ id: 'Jobs' })
export const jobListAnswer = listOf(jobAnswer)

const BOUNDS = {
  lower: amount.meta({ description: 'What it costs for certain' }),
  upper: amount.meta({ description: 'What would be held, which is the most that it can cost' }),
}
const stageBounds = z.array(z.strictObject({ stage: stageName, ...BOUNDS }))
const QUOTED_FOR = { organization_id: accountId, tariff_id: uuid, tariff_version: z.int(), currency }

export const quoteAnswer = z
  .strictObject({
    ...QUOTED_FOR,
    input_tokens: z.int(),
    ...BOUNDS,
    available: amount,
    affordable: z.boolean().meta({ description: 'Whether it would start now' }),
    stages: stageBounds,
    warnings: z.array(warningAnswer),
    next,
  })
  .meta({ id: 'Quote' })

const listedQuote = z.strictObject({
  index: z.int().meta({ description: 'Its place in the list, from 0' }),
  input_tokens: z.int(),
  ...BOUNDS,
  fits: z.boolean().meta({ description: 'Whether it would start, after those before it' }),
  reason: z
    .enum([
      'insufficient',
      'held_by_others',
      'past_due',
      'frozen',
      'member_limit',
      'unpriced-model',
      'max-cost-too-low',
    ])
    .nullable()
    .meta({ description: 'Why it would not start' }),
  stages: stageBounds,
})

export const batchQuoteAnswer = z
  .strictObject({
    ...QUOTED_FOR,
    texts: z.int(),
    fitting: z.int().meta({ description: 'How many would start' }),
    fitting_at_most: z.int().meta({ description: 'How many could be paid for at most, in any order' }),
    input_tokens: z.int(),
    ...BOUNDS,
    available: amount,
    affordable: z.boolean().meta({ description: 'Whether all would start' }),
    missing: amount.meta({ description: 'What a top-up must be for all to start' }),
    quotes: z.array(listedQuote),
    warnings: z.array(warningAnswer),
    next,
  })
  .meta({ id: 'BatchQuote' })

const LINE = {
  component: z.string().nullable().meta({ description: 'Of the tariff; null: none prices this, and it costs nothing' }),
  kind: z.enum(['input_tokens', 'llm_tokens', 'output_tokens', 'agent', 'feature', 'minimum']),
  model: z.enum(['per_unit', 'graduated', 'volume', 'package', 'flat']).nullable(),
  llm_model: z.string().nullable(),
  token_class: z.enum(['input', 'cache_read', 'cache_write', 'output', 'reasoning']).nullable(),
  quantity: z.int(),
  source: z.enum(['counted', 'reported']).meta({ description: 'Who counted: we, or the provider of the model' }),
  included_used: z.int().meta({ description: 'Free units of the period that it used' }),
  billed_quantity: z.int(),
  price: amount.nullable(),
  per: z.int().nullable(),
  tiers: z.array(z.strictObject({ up_to: z.int().nullable(), price: amount })).nullable(),
  counter_before: z.int().meta({ description: 'Units of the component in the period before it' }),
  counter_after: z.int(),
  billed_before: z.int().meta({ description: 'Of those before, the billed ones' }),
  amount,
  written_off: amount.meta({ description: 'What the platform bears itself' }),
  ledger_seq: z.int().nullable().meta({ description: 'The entry of the ledger; null where the amount is 0' }),
}

export const receiptAnswer = z
  .strictObject({
    job_id: uuid,
    organization_id: accountId,
    state: jobState,
    final: z.boolean().meta({ description: 'Whether nothing of it will change' }),
    currency,
    ...TERMS,
    tokenizer: z.strictObject({ id: z.string(), version: z.string() }),
    rounding: z.literal('half_up_per_line'),
    held: amount.meta({ description: 'What was set aside for it in all' }),
    charged: amount,
    reversed: amount,
    released: amount,
    written_off: amount,
    total: amount.meta({ description: 'charged less reversed' }),
    lines: z.array(z.strictObject({ stage: stageName, ...LINE }).meta({ id: 'Line' })),
    issued_at: time,
    next,
  })
  .meta({ id: 'Receipt' })

/** Of a charge outside of any job, which has no stages. */
export const featureLine = z.strictObject(LINE).meta({ id: 'FeatureLine' })
