import { ForbiddenError, ValidationError } from '../foundation/errors.ts'
import { ACCOUNT_ID } from '../foundation/ids.ts'
import type { Principal } from '../foundation/mandate.ts'
import type { Within } from '../managers/job-view.ts'
import { JOB_STATES } from './json/job-answer.ts'
import { choice, invalidQuery, parameter } from './parameters.ts'
import { moment } from './report-query.ts'

const EXTERNAL_ID_LENGTH_MAX = 200

/** What a list of jobs may be narrowed to, and its order. */
export const JOB_FILTERS = {
  state: choice('state', 'Only jobs in this state', JOB_STATES),
  user_id: parameter({ type: 'string', pattern: ACCOUNT_ID.source }, 'Only jobs of this member', (text) => {
    if (!ACCOUNT_ID.test(text)) throw invalidQuery(`Give user_id as an id that matches ${ACCOUNT_ID.source}`)
    return text
  }),
  external_id: parameter(
    { type: 'string', maxLength: EXTERNAL_ID_LENGTH_MAX },
    'Only jobs with this id of yours',
    (text) => {
      const isOne =
        text !== '' && text.length <= 2 * EXTERNAL_ID_LENGTH_MAX && text.isWellFormed() && !text.includes('\0')
      if (!isOne) throw invalidQuery(`Give external_id as 1 to ${EXTERNAL_ID_LENGTH_MAX} characters`)
      return text
    },
  ),
  created_from: moment('created_from', 'Only jobs submitted then or later: a date (in UTC), or a time with its zone'),
  created_to: moment('created_to', 'Only jobs submitted before'),
  sort: choice('sort', 'By when they were submitted; newest first (-created_at) by default', [
    'created_at',
    '-created_at',
  ]).transform((given) => given ?? '-created_at'),
}

/** @throws ValidationError where there is no time between the two */
export function refuseEmptyRange(from: number | null, to: number | null): void {
  if (from === null || to === null || from < to) return
  throw ValidationError.of('/created_to', 'invalid-value', 'Give a created_to after created_from')
}

/** Whose jobs a request may be about; null: anybody's. */
export function withinOf(organizationId: string | null, { userId }: Principal): Within | null {
  return organizationId === null ? null : { organizationId, userId }
}

/**
 * Who a job is for. A key that acts for one member hands in that member's jobs.
 * @throws ForbiddenError for another member's
 */
export function memberOf(wanted: string | null | undefined, { userId }: Principal): string | null {
  if (userId === null || wanted === userId) return wanted ?? null
  if ((wanted ?? null) === null) return userId
  throw new ForbiddenError('forbidden', `This key acts for ${userId} only; leave user_id out, or use another key`)
}
