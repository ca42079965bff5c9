import type { Request } from 'express'
import { z } from 'zod'
import { ValidationError } from '../../foundation/errors.ts'
import type { Submission, TextList } from '../../pipeline/job-service.ts'
import { TEXTS_MAX } from '../../pipeline/listed-texts.ts'
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

/** What a request says of a job besides its text. */
const TERMS = {
  organization_id: accountId,
  user_id: z.nullable(accountId).optional(),
  agents: z.nullable(agents).optional(),
  steps: z.nullable(list(agents, AGENTS_MAX)).optional(),
  max_cost: z.nullable(amount).optional(),
  external_id: z.nullable(label()).optional(),
}

type Terms = z.output<z.ZodObject<typeof TERMS>>

const oneKind = ({ agents, steps }: Terms): boolean => (agents ?? null) === null || (steps ?? null) === null
const ONE_KIND = { path: ['steps'], error: 'Give agents or steps, not both', params: { code: 'invalid-value' } }

/** A job as a request gives it. */
export const newJob = z
  .strictObject({ ...TERMS, text: z.string() })
  .refine(oneKind, ONE_KIND)
  .transform((body): Submission => ({ ...termsOf(body), text: body.text, externalId: body.external_id ?? null }))

/** What a request wants quoted: one text, or a list of them; else the same as a job, so that one body serves both. */
export const newQuote = z
  .strictObject({
    ...TERMS,
    text: z.nullable(z.string()).optional(),
    texts: z.nullable(list(z.string(), TEXTS_MAX)).optional(),
  })
  .refine(oneKind, ONE_KIND)
  .transform((body, context): Submission | TextList => {
    const { text = null, texts = null } = body
    if (text !== null && texts === null) return { ...termsOf(body), text }
    if (text === null && texts !== null) return { ...termsOf(body), texts }
    const [path, code] = text === null ? ['text', 'required'] : ['texts', 'invalid-value']
    const message = text === null ? 'Give text, or texts for a list' : 'Give text or texts, not both'
    context.issues.push({ code: 'custom', input: body, path: [path], message, params: { code } })
    return z.NEVER
  })

function termsOf(body: Terms): Omit<Submission, 'text'> {
  return {
    organizationId: body.organization_id,
    userId: body.user_id ?? null,
    agents: body.agents ?? null,
    steps: body.steps ?? null,
    maxCost: body.max_cost ?? null,
  }
}

/** The header Idempotency-Key, or null. @throws ValidationError */
export function idempotencyKeyOf(req: Request): string | null {
  const text = req.get('Idempotency-Key')
  if (text === undefined) return null
  if (IDEMPOTENCY_KEY.test(text)) return text
  throw ValidationError.of('', 'invalid-value', 'Give Idempotency-Key 1 to 200 visible ASCII characters')
}
