import { z } from 'zod'
import { amount, currency, next, time, uuid } from './answer-fields.ts'

const tier = z.strictObject({ up_to: z.int().nullable(), price: amount })

export const componentAnswer = z
  .strictObject({
    key: z.string(),
    kind: z.enum(['input_tokens', 'llm_tokens', 'output_tokens', 'agent', 'feature']),
    model: z.enum(['per_unit', 'graduated', 'volume', 'package', 'flat']),
    price: amount.nullable(),
    per: z.int(),
    included: z.int(),
    tiers: z.array(tier).nullable(),
    llm_model: z.string().nullable(),
    token_class: z.enum(['input', 'cache_read', 'cache_write', 'output', 'reasoning']).nullable(),
    agent: z.string().nullable(),
    feature: z.string().nullable(),
  })
  .meta({ id: 'Component' })

export const warningAnswer = z.strictObject({ code: z.string(), detail: z.string() }).meta({ id: 'Warning' })

const tariffFields = {
  id: uuid,
  version: z.int(),
  state: z.enum(['draft', 'published', 'archived']),
  name: z.string(),
  currency,
  price_per_month: amount,
  max_team_members: z.int().nullable(),
  member_price: amount,
  minimum_per_job: amount,
  charge_on_failure: z.enum(['none', 'finished_stages']),
  grace_days: z.int(),
  suspend_after_days: z.int(),
  components: z.array(componentAnswer),
  warnings: z.array(warningAnswer),
  next,
  draft_version: z.int().nullable(),
  created_at: time,
  published_at: time.nullable(),
  content_hash: z.string().nullable(),
}

export const tariffAnswer = z.strictObject(tariffFields).meta({ id: 'Tariff' })

const moveFields = {
  id: uuid,
  tariff_id: uuid,
  to_version: z.int(),
  apply_to: z.enum(['next_period', 'now']),
  state: z.string(),
  total: z.int(),
  moved: z.int(),
  skipped: z.int(),
  created_at: time,
  finished_at: time.nullable(),
}

export const planMoveAnswer = z.strictObject(moveFields).meta({ id: 'PlanMove' })

const problem = z.strictObject({ code: z.string(), detail: z.string() })

export const planMoveDetailAnswer = z
  .strictObject({
    ...moveFields,
    problems: z.strictObject({
      data: z.array(z.strictObject({ organization_id: z.string(), ...problem.shape })),
      next_cursor: z.string().nullable(),
    }),
  })
  .meta({ id: 'PlanMoveWithProblems' })

const terms = z.strictObject({
  price_per_month: amount,
  max_team_members: z.int().nullable(),
  member_price: amount,
  charge_on_failure: z.enum(['none', 'finished_stages']),
  grace_days: z.int(),
  suspend_after_days: z.int(),
  minimum_per_job: amount,
})

/** What a publication would do to each organisation that it moves. */
const previewAnswer = z
  .strictObject({
    dry_run: z.literal(true),
    apply_to: z.enum(['new', 'next_period', 'now']),
    tariff_id: uuid,
    to_version: z.int(),
    content_hash: z.string(),
    currency,
    warnings: z.array(warningAnswer),
    total: z.int(),
    data: z.array(
      z.strictObject({
        organization_id: z.string(),
        from_version: z.int(),
        to_version: z.int(),
        old: terms,
        new: terms,
        usage_so_far: z.array(
          z.strictObject({
            component: z.string(),
            used: z.int(),
            included_used: z.int(),
            amount_at_old: amount.nullable(),
            amount_at_new: amount.nullable(),
          }),
        ),
        difference: amount,
        problem: problem.nullable(),
      }),
    ),
    next_cursor: z.string().nullable(),
  })
  .meta({ id: 'PublicationPreview' })

export const publishedAnswer = z.union([
  z.strictObject({ ...tariffFields, move: planMoveAnswer.nullable() }).meta({ id: 'PublishedTariff' }),
  previewAnswer,
])
