import type { Request } from 'express'
import { z } from 'zod'
import { ValidationError } from '../../foundation/errors.ts'
import type { Submission } from '../../pipeline/job-service.ts'
import { accountId, amount, label, list } from '../fields.ts'

/** Above every sensible pipeline; whether an agent exists is the pipeline's question. */
const AGENTS_MAX = 100
const AGENT_LENGTH_MAX = 100
/** Visible ASCII and blanks, as a header carries it. */
const IDEMPOTENCY_KEY = /^[\x20-\x7e]{1,200}$/

const agentKey = z.string().refine((key) => key.length <= AGENT_LENGTH_MAX, {
  error: `Give a key of at most ${AGENT_LENGTH_MAX} characters`,
  params: { code: 'invalid-value' },
})
const agents = list(agentKey, AGENTS_MAX)

/** A job as a request gives it. */
export const newJob = z
  .strictObject({
    organization_id: accountId,
    text: z.string(),
    user_id: z.nullable(accountId).optional(),
    agents: z.nullable(agents).optional(),
    steps: z.nullable(list(agents, AGENTS_MAX)).optional(),
    max_cost: z.nullable(amount).optional(),
    external_id: z.nullable(label()).optional(),
  })
  .refine((body) => (body.agents ?? null) === null || (body.steps ?? null) === null, {
    path: ['steps'],
    error: 'Give agents or steps, not both',
    params: { code: 'invalid-value' },
  })
  .transform(
    (body): Submission => ({
      organizationId: body.organization_id,
      userId: body.user_id ?? null,
      text: body.text,
      agents: body.agents ?? null,
      steps: body.steps ?? null,
      maxCost: body.max_cost ?? null,
      externalId: body.external_id ?? null,
    }),
  )

/** The header Idempotency-Key, or null. @throws ValidationError */
export function idempotencyKeyOf(req: Request): string | null {
  const text = req.get('Idempotency-Key')
  if (text === undefined) return null
  if (IDEMPOTENCY_KEY.test(text)) return text
  throw ValidationError.of('', 'invalid-value', 'Give Idempotency-Key 1 to 200 visible ASCII characters')
}
