import { firstId, lastId } from '../foundation/ids.ts'
import type { JobState } from '../ledger/states.ts'

/** Which of an organisation's jobs are wanted; null: whichever. Times in epoch milliseconds. */
export interface JobFilter {
  readonly state: JobState | null
  readonly userId: string | null
  readonly externalId: string | null
  /** Submitted then or later. */
  readonly from: number | null
  /** Submitted before. */
  readonly to: number | null
}

/** One page of a list, in the order in which jobs were submitted. */
export interface JobPage {
  readonly limit: number
  /** The last job of the page before; null at the beginning. */
  readonly before: string | null
  /** Newest first by default. */
  readonly order?: 'asc' | 'desc'
  readonly filter?: Partial<JobFilter>
}

/** By so much an id may differ from the database's clock; a process that is 2 s off does not start. */
const SKEW_MS = 3_600_000

/** A processing job is one with an open hold, of which an organisation has few; an index of that state would cost each job. */
const OF_STATE = 'state = ?'
const PROCESSING = `state = ? and id in (
  select job_id from tollkeeper.holds where organization_id = ? and state = 'open')`

/** With the condition of its index. */
const EXTERNAL_ID = 'external_id = ? and octet_length(external_id) <= 800'

/**
 * The statement that finds the ids of a page and of one job more, and its values. Each filter is served by an index that
 * begins with the organisation; the time of a job's submission is that of its id.
 * @param idsTellTime whether ids are made by the clock that times are
 */
export function jobPageStatement(
  organizationId: string,
  { limit, before, order = 'desc', filter = {} }: JobPage,
  idsTellTime: boolean,
): { readonly sql: string; readonly values: readonly (string | number)[] } {
  const { state = null, userId = null, externalId = null, from = null, to = null } = filter
  const conditions: [string, ...(string | number)[]][] = [['organization_id = ?', organizationId]]
  if (state === 'processing') conditions.push([PROCESSING, state, organizationId])
  else if (state !== null) conditions.push([OF_STATE, state])
  if (userId !== null) conditions.push(['user_id = ?', userId])
  if (externalId !== null) conditions.push([EXTERNAL_ID, externalId])
  if (from !== null) conditions.push(['created_at >= ?::timestamptz', new Date(from).toISOString()])
  if (to !== null) conditions.push(['created_at < ?::timestamptz', new Date(to).toISOString()])
  if (from !== null && idsTellTime) conditions.push(['id >= ?::uuid', firstId(from - SKEW_MS)])
  if (to !== null && idsTellTime) conditions.push(['id <= ?::uuid', lastId(to + SKEW_MS)])
  if (before !== null) conditions.push([`id ${order === 'asc' ? '>' : '<'} ?::uuid`, before])
  const where = conditions.map(([condition]) => condition).join(' and ')
  return {
    sql: `select id from tollkeeper.jobs where ${where} order by id ${order} limit ?`,
    values: [...conditions.flatMap(([, ...values]) => values), limit + 1],
  }
}
