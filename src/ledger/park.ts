import { invariant } from '../foundation/invariant.ts'
import type { Book } from './book.ts'
import type { Parked } from './calls.ts'
import { stopStages } from './delivery.ts'
import type { JobRow, Rejection, StageRow } from './facts.ts'
import { closeHold, leastOf, priceUnfinished, refusalOf } from './hold.ts'
import { leftFor } from './spending-limit.ts'
import { isStopping, moveJob, moveStage } from './states.ts'

/** How long after a claim's end the sweep looks, in milliseconds; a worker that lives extends in time. */
export const CLAIM_GRACE_MS = 1_000

/** Parks a job that holds nothing: it waits for what its rejection says. */
export function parkJob(book: Book, job: JobRow, rejection: Rejection, expiresAt: number): Parked {
  moveJob(job, 'rejected_for_balance')
  job.stage = rejection.stage
  job.rejection = rejection
  job.parkedAt = book.now
  job.expiresAt = expiresAt
  book.organization(job.organizationId).waiting = true
  stopStages(book, job)
  book.touchJob(job)
  return { generation: job.generation, stage: rejection.stage }
}

/**
 * Stops a running job that is refused money at a stage. Its siblings are told with their next question; one that is in
 * a model call may still settle out of the hold, so the job is parked only when none of them works any more.
 */
export function refuseAt(
  book: Book,
  job: JobRow,
  stage: StageRow,
  rejection: Rejection,
  expiresAt: number,
): Parked | null {
  job.rejection = rejection
  job.expiresAt = expiresAt
  book.touchJob(job)
  giveBack(book, stage)
  return parkIfIdle(book, job)
}

/** Of a job that is parked, what its card needs. Adding a card again is harmless. */
export function parkedNow({ state, generation, rejection }: JobRow): Parked | null {
  return state === 'rejected_for_balance' && rejection ? { generation, stage: rejection.stage } : null
}

/** Ends a worker's claim: the stage waits for its next start. */
export function giveBack(book: Book, stage: StageRow): void {
  moveStage(stage, 'waiting')
  stage.claimId = null
  stage.claimedUntil = null
  stage.checkAt = book.now + CLAIM_GRACE_MS
  book.touchStage(stage)
}

/** Whether a worker holds a stage now. */
export function isClaimed(book: Book, stage: StageRow): boolean {
  return stage.claimId !== null && (stage.claimedUntil ?? 0) > book.now
}

/**
 * Parks a job that stops once none of its stages is claimed: the rest of its hold goes back first, so that the figures
 * say what its unfinished stages need beside that. The release wakes who fits now, which may be this very job.
 */
export function parkIfIdle(book: Book, job: JobRow): Parked | null {
  if (!isStopping(job) || book.stages(job.id).some((row) => isClaimed(book, row))) return null
  const { rejection: noted, expiresAt, tariffVersionId, periodStart } = job
  invariant(noted && expiresAt !== null && tariffVersionId !== null && periodStart !== null, 'a job that stops ran')
  const organization = book.organization(job.organizationId)
  organization.waiting = true
  closeHold(book, job)
  const unfinished = book.stages(job.id).filter((row) => row.state !== 'charged')
  for (const row of unfinished) {
    // Work that was stopped did not kill its worker: the next run has all its starts.
    row.starts = 0
    if (row.stage === noted.stage) enlarge(book, row, noted.calls)
    book.touchStage(row)
  }
  const at = unfinished.find((row) => row.stage === noted.stage) ?? unfinished[0]
  invariant(at, 'a job that stops has unfinished stages')
  const tariff = book.tariff(tariffVersionId)
  const needed = priceUnfinished(book, job, tariff, periodStart).upper
  const { reason } = noted
  const available = (reason === 'member_limit' ? leftFor(book, job) : null) ?? organization.available
  const figures = { needed, available, missing: 0n }
  const rejection = refusalOf(book, job, at.stage, needed) ?? { reason, stage: at.stage, ...figures }
  return parkJob(book, job, { ...rejection, atLeast: leastOf(book, job, tariff, periodStart) }, expiresAt)
}

/** The bound that the refused stage asked for: the next hold covers it, so that a resume never ends at the same call. */
function enlarge(book: Book, stage: StageRow, calls: number | undefined): void {
  if (calls === undefined || stage.bound?.kind !== 'agent' || stage.bound.llm === null) return
  const { bound } = stage
  book.setBound(stage, { ...bound, llm: { ...stage.bound.llm, calls: Math.max(calls, stage.bound.llm.calls) } })
}
