import type { Call } from '../../src/ledger/calls.ts'
import type { JobRow, MemberRow } from '../../src/ledger/facts.ts'

/**
 * Whether a batch reads a member: by name, as the user of a job, or since it waits for a seat or owns an organisation
 * whose team a call may change.
 * @param jobs those that the batch reads
 * @param walked organisations of which it walks over the parked jobs
 */
export function readsMember(
  { organizationId, userId, state, role }: MemberRow,
  calls: readonly Call[],
  jobs: readonly JobRow[],
  walked: ReadonlySet<string>,
): boolean {
  if (!calls.some((call) => call.organizationId === organizationId)) return false
  const named = calls.flatMap((call) => ('userId' in call ? [call] : []))
  if (named.some((call) => call.userId === userId) || jobs.some((job) => job.userId === userId)) return true
  const mayChange = walked.has(organizationId) || named.some((call) => call.organizationId === organizationId)
  return mayChange && (state === 'pending_payment' || (role === 'owner' && state === 'active'))
}

/** Whether a parked job is above the limit of its user as the page's statement sees it: before the batch. */
export function isAboveLimit(
  { periodStart, rejection }: JobRow,
  member: MemberRow | undefined,
  present: number,
): boolean {
  if (!member || member.spendingLimit === null || (periodStart ?? present) !== present) return false
  const committed = member.committedPeriod === present ? member.committed : 0n
  return (rejection?.atLeast ?? 0n) > member.spendingLimit - committed
}
