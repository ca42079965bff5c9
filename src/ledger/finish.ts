import { invariant } from '../foundation/invariant.ts'
import { reverseLines } from '../pricing/counters.ts'
import type { Book } from './book.ts'
import type { Asked, Verdicts } from './calls.ts'
import { currentStage, stopStages } from './delivery.ts'
import type { Failure, JobRow, StageRow } from './facts.ts'
import { closeHold } from './hold.ts'
import { businessKey } from './keys.ts'
import { isClaimed } from './park.ts'
import { linesOf } from './settle.ts'
import { commit } from './spending-limit.ts'
import { isFinal, moveJob, moveStage } from './states.ts'

/** Ends a job for a technical reason, by the claim that works on it (none: by the sweep). A settled stage cannot fail. */
export function fail(book: Book, call: Asked<'fail'>): Verdicts['fail'] {
  const job = book.jobOf(call)
  const stage = book.stage(call.jobId, call.stage)
  if (call.repeated && job && hasFailedOf(job, call.failure)) return { kind: 'failed', failure: call.failure }
  if (!job || !stage || isFinal(job.state)) return { kind: 'refused', state: job?.state ?? 'unknown' }
  const claimed = call.claimId === null ? !isClaimed(book, stage) : stage.claimId === call.claimId
  // Nothing works on a parked job that could fail: its deadline may have been looked at a moment before.
  if (!claimed || stage.state === 'charged' || job.state === 'rejected_for_balance')
    return { kind: 'refused', state: job.state }
  failJob(book, job, call.failure)
  return { kind: 'failed', failure: call.failure }
}

/** Pay nothing for nothing: takes a job's charges back, releases its hold and ends it, unless the plan says otherwise. */
export function failJob(book: Book, job: JobRow, failure: Failure): void {
  const tariff = job.tariffVersionId === null ? null : book.tariff(job.tariffVersionId)
  if (tariff?.chargeOnFailure === 'none') reverseCharges(book, job)
  endJob(book, job, 'failed')
  job.failure = failure
  job.stage = failure.stage
}

/** Undoes an own job by its platform's word. */
export function reverse(book: Book, call: Asked<'reverse'>): Verdicts['reverse'] {
  const job = book.jobOf(call)
  if (call.repeated && job?.runner === 'own' && hasFailedOf(job, call.failure)) {
    return { kind: 'reversed', reversed: job.reversed }
  }
  if (job?.runner !== 'own' || isFinal(job.state)) return { kind: 'dead', state: job?.state ?? 'unknown' }
  reverseCharges(book, job)
  endJob(book, job, 'failed')
  job.failure = call.failure
  return { kind: 'reversed', reversed: job.reversed }
}

/** Stops a job for its customer: finished stages stay charged, the rest of the hold goes back. */
export function cancel(book: Book, call: Asked<'cancel'>): Verdicts['cancel'] {
  const job = book.jobOf(call)
  if (call.repeated && job?.state === 'cancelled') return { kind: 'cancelled' }
  if (!job || isFinal(job.state)) return { kind: 'refused', state: job?.state ?? 'unknown' }
  endJob(book, job, 'cancelled')
  return { kind: 'cancelled' }
}

function hasFailedOf({ state, failure }: JobRow, of: Failure): boolean {
  return state === 'failed' && failure?.code === of.code && failure.stage === of.stage && failure.detail === of.detail
}

function endJob(book: Book, job: JobRow, state: 'failed' | 'cancelled'): void {
  if (job.state === 'processing') job.stage = currentStage(book.stages(job.id))
  closeHold(book, job)
  moveJob(job, state)
  job.rejection = null
  job.parkedAt = null
  job.expiresAt = null
  job.finishedAt = book.now
  stopStages(book, job)
  book.touchJob(job)
}

/** A reversal goes back into the hold that paid, and leaves with its release; what was used counts no more. */
function reverseCharges(book: Book, job: JobRow): void {
  const organization = book.organization(job.organizationId)
  const hold = book.hold(job.id)
  for (const stage of book.stages(job.id)) {
    if (stage.state !== 'charged') continue
    for (const line of linesOf(stage)) {
      if (line.amount === 0n) continue
      const component = line.component ?? line.kind
      book.post(organization, {
        kind: 'reversal',
        debit: 'revenue',
        credit: hold ? 'held' : 'available',
        amount: line.amount,
        key: businessKey.reversal(businessKey.charge(job.id, stage.stage, component, line.tokenClass)),
        jobId: job.id,
        stage: stage.stage,
        component,
        tokenClass: line.tokenClass,
        ...(line.ledgerSeq === null ? {} : { reversesSeq: line.ledgerSeq }),
      })
      if (hold) hold.remaining += line.amount
      // Out of a hold it is counted off with what that gives back.
      if (!hold) commit(book, job, -line.amount)
      job.reversed += line.amount
    }
    giveCountersBack(book, job, stage)
    moveStage(stage, 'reversed')
    book.touchStage(stage)
  }
}

function giveCountersBack(book: Book, job: JobRow, stage: StageRow): void {
  invariant(job.tariffVersionId !== null && job.periodStart !== null, `job ${job.id} was admitted`)
  const tariff = book.tariff(job.tariffVersionId)
  const counters = book.counters(job.organizationId, tariff, job.periodStart)
  const lines = linesOf(stage)
  book.putCounters(job.organizationId, tariff, job.periodStart, reverseLines(counters, lines))
  if (lines.some(({ includedUsed }) => includedUsed > 0)) book.wakeAllLater(book.organization(job.organizationId))
}
