import { absorb } from './absorb.ts'
import type { Book } from './book.ts'
import type { Asked, Calls, Verdicts } from './calls.ts'
import { dueStages, planDelivery, plannedDue, plannedNext } from './delivery.ts'
import type { JobRow, StageRow } from './facts.ts'
import { CLAIM_GRACE_MS, giveBack, isClaimed, parkedNow, parkIfIdle } from './park.ts'
import { isFinal, isStopping, moveStage } from './states.ts'

/** A stage that was started so often and never finished kills its workers: whoever claims it next must end its job. */
const STARTS_MAX = 5

/** Gives a worker a short lease on a stage, or says why there is nothing to work on. */
export function claim(book: Book, call: Calls['claim']): Verdicts['claim'] {
  const job = book.jobOf(call)
  const stage = book.stage(call.jobId, call.stage)
  if (!job || !stage) return { kind: 'dead', state: 'unknown', failure: null }
  if (stage.state === 'charged') {
    const { currency } = book.organization(job.organizationId)
    const { tokens, charged } = stage
    return { kind: 'settled', next: plannedNext(book, job, stage), state: job.state, tokens, charged, currency }
  }
  if (!isDue(book, job, stage)) {
    // Of a job that stops, this may be the first look at a claim that lapsed with its worker.
    parkIfIdle(book, job)
    return { kind: 'dead', state: job.state, failure: job.failure }
  }
  if (stage.claimId !== call.claimId && isClaimed(book, stage)) {
    return { kind: 'busy', until: stage.claimedUntil ?? book.now, now: book.now }
  }
  if (stage.state === 'running' && stage.claimId === call.claimId) {
    // The same call again, since its answer was lost with the connection: no new start.
    lease(book, stage, call)
    return { kind: 'granted', starts: stage.starts }
  }
  if (stage.starts >= STARTS_MAX) {
    return { kind: 'exhausted', starts: stage.starts }
  }
  moveStage(stage, 'running')
  stage.starts += 1
  lease(book, stage, call)
  return { kind: 'granted', starts: stage.starts }
}

/** Extends a worker's lease, or tells it to stop: cancelled, parked, failed, or somebody else took over. */
export function keep(book: Book, call: Calls['keep']): Verdicts['keep'] {
  const job = book.jobOf(call)
  const stage = book.stage(call.jobId, call.stage)
  if (!job || !stage || stage.state !== 'running' || stage.claimId !== call.claimId || !isDue(book, job, stage)) {
    return 'stop'
  }
  lease(book, stage, call)
  return 'go_on'
}

/**
 * Gives a worker's claim back after work that came to nothing: it failed, or it was stopped. What it used of a model is
 * counted whatever became of the job; the last one of a job that stops parks it. A repeated call that finds its claim gone
 * has given it back before, and has counted then.
 */
export function letGo(book: Book, call: Asked<'let_go'>): Verdicts['let_go'] {
  const job = book.jobOf(call)
  const stage = book.stage(call.jobId, call.stage)
  if (!job || !stage) return { parked: null, cost: 0n }
  const isHeld = stage.state === 'running' && stage.claimId === call.claimId
  if (isHeld) giveBack(book, stage)
  const parked = parkIfIdle(book, job) ?? (call.repeated ? parkedNow(job) : null)
  if (call.usage === null) return { parked, cost: 0n }
  // Priced last: parking gives promised units back, and a repeated call is to find the same counters.
  const counted = !isHeld && (call.repeated ?? false)
  return { parked, cost: absorb(book, job, stage, { usage: call.usage, reason: 'abandoned', counted }) }
}

function lease(book: Book, stage: StageRow, call: { claimId: string; leaseMs: number }): void {
  stage.claimId = call.claimId
  stage.claimedUntil = book.now + call.leaseMs
  stage.checkAt = stage.claimedUntil + CLAIM_GRACE_MS
  book.touchStage(stage)
}

function isDue(book: Book, job: JobRow, stage: StageRow): boolean {
  const expected = stage.stage === 'input' ? 'queued' : 'processing'
  return job.state === expected && !isStopping(job) && dueStages(book.stages(job.id)).includes(stage)
}

/**
 * Delivers the due stages of a job again after the sweep found no live queue job behind them. `seen` is what the sweep
 * looked at: a stage that moved on in the meantime is left alone. A repeated call answers the delivery that stands
 * planned since: whoever planned it, adding it to the queue again is harmless.
 */
export function redeliver(book: Book, call: Asked<'redeliver'>): Verdicts['redeliver'] {
  const job = book.jobOf(call)
  if (!job || isFinal(job.state) || job.state === 'rejected_for_balance') return null
  if (isStopping(job)) {
    parkIfIdle(book, job)
    return null
  }
  const due = dueStages(book.stages(job.id))
  const since = (row: StageRow): number => {
    const seen = call.seen.find((item) => item.stage === row.stage)
    return seen === undefined ? -1 : row.delivery - seen.delivery
  }
  if (due.some((row) => since(row) === 0 && !isClaimed(book, row))) return planDelivery(book, job)
  return call.repeated && due.some((row) => since(row) > 0) ? plannedDue(book, job) : null
}
