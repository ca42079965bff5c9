import { z } from 'zod'
import type { Submission, TextList } from '../../pipeline/job-service.ts'
import { TEXTS_MAX } from '../../pipeline/listed-texts.ts'
import { accountId, amount, label, list } from '../fields.ts'

/** Above every sensible pipeline; whether an agent exists is the pipeline's question. */
const AGENTS_MAX = 100
const AGENT_LENGTH_MAX = 100

const agentKey = z
  .string()
  .refine((key) => key.length <= AGENT_LENGTH_MAX, {
    error: `Give a key of at most ${AGENT_LENGTH_MAX} characters`,
    params: { code: 'invalid-value' },
  })
  .meta({ override: { maxLength: AGENT_LENGTH_MAX } })
const agents = list(agentKey, AGENTS_MAX)

const described = <Field extends z.ZodType>(field: Field, description: string) => {
  return z.nullable(field).optional().meta({ description })
}

/** What a request says of a job besides its text. */
const TERMS = {
  organization_id: accountId.optional().meta({ description: 'Who pays; an organisation’s own key may leave it out' }),
  user_id: described(accountId, 'The member whom it is for'),
  agents: described(agents, 'One parallel step of these; extractor and summarizer unless said otherwise'),
  steps: described(
    list(agents, AGENTS_MAX),
    'Instead of agents: steps one after another, the agents of one side by side',
  ),
  max_cost: described(amount, 'The most that it may cost; what would cost more is not run'),
  external_id: described(label(), 'Your own name for it; it need not be unique'),
}

type Terms = z.output<z.ZodObject<typeof TERMS>>

const oneKind = ({ agents, steps }: Terms): boolean => (agents ?? null) === null || (steps ?? null) === null
const ONE_KIND = { path: ['steps'], error: 'Give agents or steps, not both', params: { code: 'invalid-value' } }

/** The organisation is the asker's where it is left out. */
type Asked<T> = Omit<T, 'organizationId'> & { readonly organizationId: string | null }

/** A job as a request gives it. */
export const newJob = z
  .strictObject({ ...TERMS, text: z.string() })
  .refine(oneKind, ONE_KIND)
  .transform((body) => ({ ...termsOf(body), text: body.text, externalId: body.external_id ?? null }))

/** What a request wants quoted: one text, or a list of them; else the same as a job, so that one body serves both. */
export const newQuote = z
  .strictObject({
    ...TERMS,
    text: described(z.string(), 'The text of one job'),
    texts: described(
      list(z.string(), TEXTS_MAX),
      'Instead of text: those of several, in the order of their submission',
    ),
  })
  .refine(oneKind, ONE_KIND)
  .transform((body, context): Asked<Submission> | Asked<TextList> => {
    const { text = null, texts = null } = body
    if (text !== null && texts === null) return { ...termsOf(body), text }
    if (text === null && texts !== null) return { ...termsOf(body), texts }
    const [path, code] = text === null ? ['text', 'required'] : ['texts', 'invalid-value']
    const message = text === null ? 'Give text, or texts for a list' : 'Give text or texts, not both'
    context.issues.push({ code: 'custom', input: body, path: [path], message, params: { code } })
    return z.NEVER
  })

function termsOf(body: Terms) {
  return {
    organizationId: body.organization_id ?? null,
    userId: body.user_id ?? null,
    agents: body.agents ?? null,
    steps: body.steps ?? null,
    maxCost: body.max_cost ?? null,
  }
}
