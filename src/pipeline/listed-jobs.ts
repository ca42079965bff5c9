import { createHash } from 'node:crypto'
import { type FieldError, ValidationError } from '../foundation/errors.ts'
import type { NewJob } from '../managers/new-job.ts'
import { acceptText } from './listed-texts.ts'
import type { JobList, ListedSubmission } from './submission.ts'

/** Jobs of one list: they are stored by one transaction, which must stay short. */
export const JOBS_MAX = 100

/**
 * The jobs of a list as they are to be stored, each judged like one that is submitted by itself.
 * @param stepsOf the agents of a job; throws a ValidationError for those that it cannot have
 * @throws ValidationError with all that is wrong, each at `/jobs/<index>/…`
 */
export async function acceptJobs(
  { organizationId, jobs, key = null }: JobList,
  maxTextBytes: number,
  stepsOf: (submission: ListedSubmission) => NewJob['steps'],
): Promise<readonly NewJob[]> {
  if (jobs.length === 0) throw ValidationError.of('/jobs', 'invalid-value', 'Give at least one job')
  if (jobs.length > JOBS_MAX) {
    throw ValidationError.of('/jobs', 'invalid-value', `Give at most ${JOBS_MAX} jobs; submit the rest by themselves`)
  }
  const accepted: NewJob[] = []
  const errors: FieldError[] = []
  for (const [index, submission] of jobs.entries()) {
    const pointer = `/jobs/${index}`
    if (key !== null && (submission.key ?? null) !== null) {
      const detail = 'Give Idempotency-Key for the whole list, or each job a key of its own, not both'
      errors.push({ pointer: `${pointer}/key`, code: 'invalid-value', detail })
    }
    const text = await acceptText(submission.text, maxTextBytes, `${pointer}/text`)
    const steps = stepsOrErrors(pointer, () => stepsOf(submission))
    if (typeof text !== 'string') errors.push(text)
    if ('errors' in steps) errors.push(...steps.errors)
    if (typeof text === 'string' && 'steps' in steps) {
      const { userId = null, externalId = null, maxCost = null, key: own = null } = submission
      const terms = { organizationId, userId, externalId, maxCost, key: own, runner: 'pipeline' as const }
      accepted.push({ ...terms, text, steps: steps.steps })
    }
  }
  if (errors.length > 0) throw new ValidationError(errors)
  return key === null ? accepted : keyed(accepted, key)
}

function stepsOrErrors(
  pointer: string,
  stepsOf: () => NewJob['steps'],
): { readonly steps: NewJob['steps'] } | { readonly errors: readonly FieldError[] } {
  try {
    return { steps: stepsOf() }
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error
    return { errors: error.errors.map((each) => ({ ...each, pointer: `${pointer}${each.pointer}` })) }
  }
}

/** The list's key stands for all of it: each job has a part of it, and its fingerprint that of the whole list. */
function keyed(jobs: readonly NewJob[], key: string): readonly NewJob[] {
  const hash = createHash('sha256')
  for (const { userId, externalId, text, steps, maxCost } of jobs) {
    hash.update(JSON.stringify([userId, externalId, text, steps, maxCost?.toString() ?? null]))
  }
  const request = `list ${hash.digest('hex')}`
  return jobs.map((job, index) => ({ ...job, key: `list:${key}:${index}`, request }))
}
