import { z } from 'zod'
import { JOBS_MAX } from '../../pipeline/listed-jobs.ts'
import { TEXTS_MAX } from '../../pipeline/listed-texts.ts'
import type { JobList, ListedSubmission, Resubmission, Submission, TextList } from '../../pipeline/submission.ts'
import { accountId, amount, label, list } from '../fields.ts'

/** Above every sensible pipeline; whether an agent exists is the pipeline's question. */
const AGENTS_MAX = 100
const AGENT_LENGTH_MAX = 100
/** Visible ASCII and blanks, as the header Idempotency-Key carries it. */
const JOB_KEY = /^[\x20-\x7e]{1,200}$/

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

/** Who pays. A tenant's own key may leave it out: null here, and found by the key. */
const PAYER = {
  organization_id: accountId.optional().meta({ description: 'Who pays; an organisation’s own key may leave it out' }),
}

/** What a request says of a job besides its text and who pays. */
const TERMS = {
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

/** What somebody pays for, before it is known who. */
type Unpaid<T> = Omit<T, 'organizationId'> & { readonly organizationId: string | null }

/** A job as a request gives it. */
export const newJob = z
  .strictObject({ ...PAYER, ...TERMS, text: z.string() })
  .refine(oneKind, ONE_KIND)
  .transform((body): Unpaid<Submission> => ({ organizationId: body.organization_id ?? null, ...jobOf(body) }))

/** A job of a list. */
const listedJob = z
  .strictObject({
    ...TERMS,
    text: z.string(),
    key: z.nullable(z.string().regex(JOB_KEY, 'Give a key of 1 to 200 visible ASCII characters')).optional(),
  })
  .refine(oneKind, ONE_KIND)
  .transform((body): ListedSubmission => ({ ...jobOf(body), key: body.key ?? null }))

/** Jobs that are stored together or not at all. */
export const newJobs = z
  .strictObject({ ...PAYER, jobs: list(listedJob, JOBS_MAX) })
  .transform((body): Unpaid<JobList> => ({ organizationId: body.organization_id ?? null, jobs: body.jobs }))

/** A job once more; what is left out stays as it was. */
export const resubmission = z
  .strictObject({ max_cost: z.nullable(amount).optional() })
  .transform((body): Resubmission => ({ ...(body.max_cost === undefined ? {} : { maxCost: body.max_cost }) }))

/** What a request wants quoted: one text, or a list of them; else the same as a job, so that one body serves both. */
export const newQuote = z
  .strictObject({
    ...PAYER,
    ...TERMS,
    text: described(z.string(), 'The text of one job'),
    texts: described(
      list(z.string(), TEXTS_MAX),
      'Instead of text: those of several, in the order of their submission',
    ),
  })
  .refine(oneKind, ONE_KIND)
  .transform((body, context): Unpaid<Submission> | Unpaid<TextList> => {
    const { text = null, texts = null } = body
    const terms = { organizationId: body.organization_id ?? null, ...termsOf(body) }
    if (text !== null && texts === null) return { ...terms, text }
    if (text === null && texts !== null) return { ...terms, texts }
    const [path, code] = text === null ? ['text', 'required'] : ['texts', 'invalid-value']
    const message = text === null ? 'Give text, or texts for a list' : 'Give text or texts, not both'
    context.issues.push({ code: 'custom', input: body, path: [path], message, params: { code } })
    return z.NEVER
  })

function jobOf(body: Terms & { readonly text: string }): Omit<Submission, 'organizationId'> {
  return { ...termsOf(body), text: body.text, externalId: body.external_id ?? null }
}

function termsOf(body: Terms): Omit<Submission, 'organizationId' | 'text'> {
  return {
    userId: body.user_id ?? null,
    agents: body.agents ?? null,
    steps: body.steps ?? null,
    maxCost: body.max_cost ?? null,
  }
}
