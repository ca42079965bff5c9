import { invariant } from '../foundation/invariant.ts'
import { limitTooLow } from '../pricing/minimum.ts'
import type { Nano } from '../pricing/money.ts'
import { unpricedClasses } from '../pricing/price.ts'
import { type BoundedStage, fitToCost } from '../pricing/quote.ts'
import type { Tariff } from '../pricing/tariff.ts'
import type { Book } from './book.ts'
import type { Calls, Verdicts } from './calls.ts'
import { planDelivery, plannedNext } from './delivery.ts'
import type { Failure, JobRow, Rejection } from './facts.ts'
import { failJob } from './finish.ts'
import { leastOf, openHold, paidFor, priceUnfinished, refusalOf, unfinishedBounds } from './hold.ts'
import { parkJob } from './park.ts'
import { chargeStage, linesOf } from './settle.ts'
import { moveJob } from './states.ts'

/**
 * Takes the hold of a queued job and starts it, with the input charged in the same breath; or parks it with the figures
 * of the refusal; or fails it, where no money in the world would help. Asked again, it answers what was decided.
 */
export function admit(book: Book, call: Calls['admit']): Verdicts['admit'] {
  const job = book.jobOf(call)
  if (!job) return { kind: 'dead', state: 'unknown' }
  if (job.state !== 'queued') return decided(book, job)
  const organization = book.organization(job.organizationId)
  invariant(organization.tariffVersionId, `organisation ${organization.id} has a tariff before it has jobs`)
  const tariff = book.tariff(organization.tariffVersionId)
  const failure = stranger(book, job) ?? fitJob(book, job, tariff, call.bounds, call.outputLimit)
  if (failure) {
    failJob(book, job, failure)
    return { kind: 'failed', failure }
  }
  const needed = priceUnfinished(book, job, tariff, organization.periodStart).upper
  const rejection = refusalOf(book, job, 'input', needed)
  if (rejection) {
    const atLeast = leastOf(book, job, tariff, organization.periodStart)
    return refuse(book, job, { ...rejection, atLeast }, call.parkedExpiresMs)
  }
  const held = startJob(book, job, tariff)
  const input = book.stage(job.id, 'input')
  const lines = input ? linesOf(input) : []
  return { kind: 'admitted', held, lines, next: planDelivery(book, job), currency: organization.currency }
}

/** What an earlier call decided: its answer may have been lost with the connection after COMMIT. */
function decided(book: Book, job: JobRow): Verdicts['admit'] {
  const { currency } = book.organization(job.organizationId)
  const input = book.stage(job.id, 'input')
  const hold = book.hold(job.id)
  if (job.state === 'processing' && input?.state === 'charged' && hold) {
    return { kind: 'admitted', held: hold.amount, lines: linesOf(input), next: plannedNext(book, job, input), currency }
  }
  if (job.rejection && job.expiresAt !== null) {
    const { rejection, expiresAt, generation } = job
    return { kind: 'refused', rejection, expiresAt, generation, currency }
  }
  if (job.failure) return { kind: 'failed', failure: job.failure }
  return { kind: 'dead', state: job.state }
}

/** Holds the unfinished stages, charges the input where that is still open, and sets the job going. */
export function startJob(book: Book, job: JobRow, tariff: Tariff): bigint {
  const organization = book.organization(job.organizationId)
  const held = openHold(book, job, tariff, job.periodStart ?? organization.periodStart)
  moveJob(job, 'processing')
  job.rejection = null
  job.parkedAt = null
  job.expiresAt = null
  job.admittedAt ??= book.now
  book.touchJob(job)
  const input = book.stage(job.id, 'input')
  if (input && input.state !== 'charged') {
    invariant(input.bound?.kind === 'input', 'the input is measured before it is charged')
    chargeStage(book, job, input, { kind: 'input', tokens: input.bound.tokens }, null)
  }
  return held
}

/** An own job that is refused stays queued: its platform asks again; ours is parked and resumed by itself. */
function refuse(book: Book, job: JobRow, rejection: Rejection, expiresMs: number): Verdicts['admit'] {
  const { currency } = book.organization(job.organizationId)
  const expiresAt = book.now + expiresMs
  if (job.runner === 'pipeline') parkJob(book, job, rejection, expiresAt)
  return { kind: 'refused', rejection, expiresAt, generation: job.generation, currency }
}

/**
 * Fits a job that is to be resumed to what prices and counters have become while it was parked.
 * @returns why no money would help it any more, or null
 */
export function fitAgain(book: Book, job: JobRow, tariff: Tariff): Failure | null {
  const bounds = unfinishedBounds(book.stages(job.id))
  const output = bounds.find(({ bound }) => bound.kind === 'output')?.bound
  const tokens = output?.kind === 'output' ? output.maxTokens : 0
  // The output's bound is the limit per agent × the last step's agents; rounded up, so that it is at least 1.
  const outputLimit = Math.max(1, Math.ceil(tokens / (job.steps.at(-1)?.length || 1)))
  return fitJob(book, job, tariff, bounds, outputLimit)
}

/** Gives the stages bounds that keep within the job's cost limit, or says why there are none. */
function fitJob(
  book: Book,
  job: JobRow,
  tariff: Tariff,
  bounds: readonly BoundedStage[],
  outputLimit: number,
): Failure | null {
  for (const { stage, bound } of bounds) {
    const missing = bound.kind === 'agent' && bound.llm ? unpricedClasses(tariff, bound.llm.model) : []
    if (bound.kind === 'agent' && bound.llm && missing.length > 0) {
      const what = `${missing.join(' and ')} tokens of model ${bound.llm.model}`
      const detail = `tariff "${tariff.name}" has no price for ${what}; add a component for it and submit again`
      return { code: 'unpriced-model', stage, detail }
    }
  }
  const fitting = job.maxCost === null ? bounds : withinCost(book, job, tariff, bounds, job.maxCost, outputLimit)
  if (!fitting) {
    const detail = limitTooLow(tariff, job.maxCost ?? 0n)
    return { code: 'max-cost-too-low', stage: job.rejection?.stage ?? 'input', detail }
  }
  for (const { stage, bound } of fitting) {
    const row = book.stage(job.id, stage)
    invariant(row, `a bound names a stage of its job (${stage})`)
    if (row.bound === bound) continue
    book.setBound(row, bound)
  }
  return null
}

function withinCost(
  book: Book,
  job: JobRow,
  tariff: Tariff,
  bounds: readonly BoundedStage[],
  maxCost: Nano,
  outputLimit: number,
): readonly BoundedStage[] | null {
  const periodStart = job.periodStart ?? book.organization(job.organizationId).periodStart
  const counters = book.counters(job.organizationId, tariff, periodStart)
  return fitToCost(tariff, bounds, counters, { maxCost, charged: paidFor(job), outputLimit })
}

function stranger(book: Book, job: JobRow): Failure | null {
  if (job.userId === null || book.team.member(job.organizationId, job.userId)?.state === 'active') return null
  const detail = `${job.userId} is not an active member of ${job.organizationId}; add the member and submit again`
  return { code: 'not-a-member', stage: 'input', detail }
}
