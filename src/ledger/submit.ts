import { ConflictError, TollkeeperError } from '../foundation/errors.ts'
import { unknownOrganization } from './fold.ts'
import { notAMember } from './team.ts'

/** A job that somebody wants stored, as far as it decides whether it may be. */
export interface SubmitTerms {
  /** Drawn by whoever stores it, so that a try that may have been stored is found again. */
  readonly id: string
  readonly organizationId: string
  readonly userId: string | null
  /** One job per organisation and key. */
  readonly key: string | null
  /** Of all that the job says; null without a key. */
  readonly hash: string | null
}

/** What the rows say that a new job names. */
export interface SubmitFacts {
  /** null: there is none of that id. */
  readonly organization: { readonly currency: string; readonly hasTariff: boolean } | null
  /** The state of the named member; null: nobody is named, or nobody there has that name. */
  readonly member: string | null
  /** The job that was stored under the same key. */
  readonly known: { readonly jobId: string; readonly hash: string | null } | null
}

/** `known`: the key was used for the same job before. */
export type SubmitJudgement = { readonly kind: 'new'; readonly currency: string } | Known
type Known = { readonly kind: 'known'; readonly jobId: string }

/**
 * Whether a job may be stored.
 * @returns an error for whoever asked: NotFoundError; 422 `idempotency-mismatch`; ConflictError `no-tariff`;
 *   ForbiddenError `not-a-member`
 */
export function judgeSubmission(
  terms: SubmitTerms,
  { organization, member, known }: SubmitFacts,
): SubmitJudgement | TollkeeperError {
  const { organizationId, userId, key, hash } = terms
  if (organization === null) return unknownOrganization(organizationId)
  if (known) return known.hash === hash ? { kind: 'known', jobId: known.jobId } : otherJob(key)
  if (!organization.hasTariff) {
    return new ConflictError('no-tariff', `${organizationId} has no tariff; assign a published one first`)
  }
  if (userId !== null && member !== 'active') return notAMember(organizationId, userId, member)
  return { kind: 'new', currency: organization.currency }
}

/**
 * The same for many that were read together, in their order: what one of them is about to store is known to those after it.
 */
export function judgeSubmissions(
  asked: readonly (SubmitTerms & { readonly facts: SubmitFacts })[],
): readonly (SubmitJudgement | TollkeeperError)[] {
  const stored = new Map<string, { readonly jobId: string; readonly hash: string | null }>()
  return asked.map(({ facts, ...terms }) => {
    const { id, organizationId, key, hash } = terms
    // No organisation's id has a blank.
    const name = `${organizationId} ${key}`
    const known = key === null ? null : (facts.known ?? stored.get(name) ?? null)
    const judged = judgeSubmission(terms, { ...facts, known })
    if (key !== null && !(judged instanceof TollkeeperError) && judged.kind === 'new')
      stored.set(name, { jobId: id, hash })
    return judged
  })
}

function otherJob(key: string | null): TollkeeperError {
  const message = `The key "${key}" was used for another job; use another key for another text or other agents`
  return new TollkeeperError('idempotency-mismatch', 422, message)
}
