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

/** Bounds for whoever gives none: no id is as small or as large. */
const [NO_ID, EVERY_ID] = ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff']

type Value = string | number
/** A condition and its values. */
type Condition = readonly [sql: string, ...values: Value[]]

interface PageStatement {
  readonly sql: string
  readonly values: readonly Value[]
}

/**
 * The statement that finds the ids of a page and of one job more. Whatever is asked for, it walks the index of what the
 * organisation has of that, in the order of the ids, which are made in the order of time; never another one's jobs.
 * @param idsTellTime whether ids are made by the clock that times are
 */
export function jobPageStatement(organizationId: string, page: JobPage, idsTellTime: boolean): PageStatement {
  const { limit, order = 'desc', filter = {} } = page
  const { state = null } = filter
  const { first, last } = boundsOf(page, idsTellTime)
  const conditions = conditionsOf(filter)
  if (state === 'processing' || state === 'rejected_for_balance') {
    const few: Condition[] = [
      ['organization_id = ?', organizationId],
      ['id > ? and id < ?', first, last],
    ]
    if (state === 'processing') few.push([WITH_OPEN_HOLD, organizationId])
    const { sql, values } = joined([...few, ...conditions])
    // The fence: first the few that there are, by their index, and then their order.
    const inOrder = `select id from (select id from tollkeeper.jobs where ${sql} offset 0) few order by id ${order} limit ?`
    return { sql: inOrder, values: [...values, limit + 1] }
  }
  const key = keyOf(organizationId, filter)
  const columns = [...key.map(([column]) => column), 'id']
  const row = `(${columns.join()})`
  const marks = columns.map(() => '?').join()
  const prefix = key.map(([, value]) => value)
  // Compared as rows, so that no other index will do: that of all ids would pass through everybody's jobs.
  const { sql, values } = joined([
    [`${row} > (${marks}) and ${row} < (${marks})`, ...prefix, first, ...prefix, last],
    ...conditions,
  ])
  const by = columns.map((column) => `${column} ${order}`).join()
  return { sql: `select id from tollkeeper.jobs where ${sql} order by ${by} limit ?`, values: [...values, limit + 1] }
}

/** A processing job is one with an open hold, of which an organisation has few; an index of that state would cost each job. */
const WITH_OPEN_HOLD = `id in (select job_id from tollkeeper.holds where organization_id = ? and state = 'open')`

/** The columns of the narrowest index, before the id. */
function keyOf(
  organizationId: string,
  filter: Partial<JobFilter>,
): readonly (readonly [column: string, value: string])[] {
  const { state = null, userId = null, externalId = null } = filter
  const owner = ['organization_id', organizationId] as const
  if (externalId !== null) return [owner, ['external_id', externalId]]
  if (userId !== null) return [owner, ['user_id', userId]]
  return state === 'failed' || state === 'cancelled' ? [owner, ['state', state]] : [owner]
}

/** With the conditions of the partial indexes, word by word. */
function conditionsOf({ state, userId, externalId, from, to }: Partial<JobFilter>): readonly Condition[] {
  const conditions: Condition[] = []
  if (state != null) conditions.push(['state = ?', state])
  if (userId != null) conditions.push(['user_id = ? and user_id is not null', userId])
  if (externalId != null) conditions.push(['external_id = ? and octet_length(external_id) <= 800', externalId])
  if (from != null) conditions.push(['created_at >= ?::timestamptz', new Date(from).toISOString()])
  if (to != null) conditions.push(['created_at < ?::timestamptz', new Date(to).toISOString()])
  return conditions
}

/** Between which ids the page is, without the two. */
function boundsOf({ before, order = 'desc', filter = {} }: JobPage, idsTellTime: boolean) {
  const { from = null, to = null } = filter
  let first = from !== null && idsTellTime ? firstId(from - SKEW_MS) : NO_ID
  let last = to !== null && idsTellTime ? lastId(to + SKEW_MS) : EVERY_ID
  if (before !== null && order === 'asc' && before > first) first = before
  if (before !== null && order === 'desc' && before < last) last = before
  return { first, last }
}

function joined(conditions: readonly Condition[]): PageStatement {
  return {
    sql: conditions.map(([sql]) => sql).join(' and '),
    values: conditions.flatMap(([, ...values]) => values),
  }
}
