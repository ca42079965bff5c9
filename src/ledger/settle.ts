import { invariant } from '../foundation/invariant.ts'
import { minimumLine, OUTPUT_STAGE } from '../pricing/minimum.ts'
import type { Nano } from '../pricing/money.ts'
import { type Line, priceUsage } from '../pricing/price.ts'
import { type StageUsage, tokensOf } from '../pricing/usage.ts'
import { absorb } from './absorb.ts'
import type { Book } from './book.ts'
import type { Asked, Verdicts } from './calls.ts'
import { planNext, plannedNext, stopStages } from './delivery.ts'
import type { HoldRow, JobRow, SettledLine, StageRow } from './facts.ts'
import { closeHold, paidFor } from './hold.ts'
import { businessKey } from './keys.ts'
import { parkedNow, parkIfIdle } from './park.ts'
import { isFinal, moveJob, moveStage } from './states.ts'

/**
 * Charges a finished stage out of the job's hold, once: the stage row decides, whoever asks and however often. A stage
 * that was settled before answers its stored lines; a final job takes no more money, the work is the platform's own cost.
 */
export function settle(book: Book, call: Asked<'settle'>): Verdicts['settle'] {
  const job = book.jobOf(call)
  const stage = book.stage(call.jobId, call.stage)
  if (!job || !stage) return { kind: 'absorbed', state: 'unknown', cost: 0n }
  if (stage.state === 'charged') return settledBefore(book, job, stage, call)
  if (isFinal(job.state) || !book.hold(job.id)) {
    const late = { usage: allOf(call), reason: 'late', counted: call.repeated ?? false } as const
    return { kind: 'absorbed', state: job.state, cost: absorb(book, job, stage, late) }
  }
  chargeStage(book, job, stage, call.usage, call.result)
  if (call.lost) absorb(book, job, stage, { usage: call.lost, reason: 'broken_off', counted: false })
  if (job.runner === 'pipeline' && book.stages(job.id).every((row) => row.state === 'charged')) completeJob(book, job)
  const parked = parkIfIdle(book, job)
  const next = job.state === 'processing' ? planNext(book, job, stage) : null
  return { kind: 'settled', replayed: false, absorbed: 0n, ...storedOf(book, job, stage), next, parked }
}

/**
 * What a charge answers whoever asks for it again. A repeated call made this very charge, if it brings the tokens that
 * were charged: then no work was for nothing. Whether its first try counted any is not known, so it counts none.
 */
function settledBefore(book: Book, job: JobRow, stage: StageRow, call: Asked<'settle'>): Verdicts['settle'] {
  const stored = { ...storedOf(book, job, stage), next: plannedNext(book, job, stage) }
  if (call.repeated && tokensOf(call.usage) === stage.tokens) {
    return { kind: 'settled', replayed: false, absorbed: 0n, ...stored, parked: parkedNow(job) }
  }
  const again = { usage: allOf(call), reason: 'replayed', counted: call.repeated ?? false } as const
  return { kind: 'settled', replayed: true, absorbed: absorb(book, job, stage, again), ...stored, parked: null }
}

/** All that a run used, with the calls that broke off. */
function allOf({ usage, lost }: Asked<'settle'>): StageUsage {
  return usage.kind === 'agent' && lost?.kind === 'agent' ? { ...usage, llm: [...usage.llm, ...lost.llm] } : usage
}

function storedOf(book: Book, job: JobRow, stage: StageRow) {
  const { currency } = book.organization(job.organizationId)
  const { charged, tokens } = stage
  return { lines: linesOf(stage), charged, tokens, state: job.state, currency }
}

/** The lines of a charged stage; what may ask for them is named to the lock, so that it reads them. */
export function linesOf(stage: StageRow): readonly SettledLine[] {
  invariant(stage.lines, `the lines of ${stage.stage} were read`)
  return stage.lines
}

/**
 * Prices what a stage used and moves it from held to revenue, line by line; what exceeds the hold the platform bears. With
 * its output, a job is charged what it lacks to the minimum of its tariff, for which its hold has room.
 */
export function chargeStage(book: Book, job: JobRow, stage: StageRow, usage: StageUsage, result: string | null): void {
  const hold = book.hold(job.id)
  invariant(hold && job.tariffVersionId !== null && job.periodStart !== null, `job ${job.id} is admitted`)
  const tariff = book.tariff(job.tariffVersionId)
  const counters = book.counters(job.organizationId, tariff, job.periodStart)
  const priced = priceUsage(tariff, usage, counters, stage.grants)
  book.putCounters(job.organizationId, tariff, job.periodStart, priced.counters)
  const lines = priced.lines.map((line) => chargeLine(book, job, stage, hold, line))
  const lacking = stage.stage === OUTPUT_STAGE ? minimumLine(tariff, paidFor(job) + chargedOf(lines)) : null
  if (lacking) lines.push(chargeLine(book, job, stage, hold, lacking))
  moveStage(stage, 'charged')
  stage.usage = usage
  stage.lines = lines
  stage.grants = {}
  stage.tokens = tokensOf(usage)
  stage.charged = chargedOf(lines)
  stage.result = result ?? undefined
  stage.claimId = null
  stage.claimedUntil = null
  stage.checkAt = null
  stage.finishedAt = book.now
  job.charged += stage.charged
  book.touchStage(stage)
  book.touchHold(hold)
  const writtenOff = lines.reduce((sum, line) => sum + line.writtenOff, 0n)
  if (writtenOff === 0n) return
  job.writtenOff += writtenOff
  book.touchJob(job)
}

const chargedOf = (lines: readonly SettledLine[]): Nano => lines.reduce((sum, line) => sum + line.amount, 0n)

function chargeLine(book: Book, job: JobRow, stage: StageRow, hold: HoldRow, line: Line): SettledLine {
  const amount = line.amount < hold.remaining ? line.amount : hold.remaining
  const writtenOff = line.amount - amount
  const organization = book.organization(job.organizationId)
  const component = line.component ?? line.kind
  const of = { jobId: job.id, stage: stage.stage, component, tokenClass: line.tokenClass }
  let ledgerSeq: number | null = null
  if (amount > 0n) {
    const key = businessKey.charge(job.id, stage.stage, component, line.tokenClass)
    ledgerSeq = book.post(organization, { kind: 'charge', debit: 'held', credit: 'revenue', amount, key, ...of }).seq
    hold.remaining -= amount
  }
  if (writtenOff > 0n) {
    const key = businessKey.writeOff(job.id, stage.stage, component, line.tokenClass)
    book.post(organization, {
      kind: 'write_off',
      debit: 'write_off',
      credit: 'revenue',
      amount: writtenOff,
      key,
      ...of,
    })
  }
  return { ...line, amount, writtenOff, ledgerSeq }
}

/** Ends a job whose stages are all paid: the rest of its hold goes back, and the receipt is final. */
function completeJob(book: Book, job: JobRow): void {
  closeHold(book, job)
  moveJob(job, 'charged')
  job.stage = null
  job.rejection = null
  job.expiresAt = null
  job.finishedAt = book.now
  stopStages(book, job)
  book.touchJob(job)
}

/** Ends an own job by its platform's word: what was settled stays charged, the rest of the hold goes back. */
export function complete(book: Book, call: Asked<'complete'>): Verdicts['complete'] {
  const job = book.jobOf(call)
  if (call.repeated && job?.state === 'charged' && job.runner === 'own') {
    return { kind: 'completed', released: job.released }
  }
  if (job?.state !== 'processing' || job.runner !== 'own') return { kind: 'dead', state: job?.state ?? 'unknown' }
  // An own job is never parked: this is its only release.
  completeJob(book, job)
  return { kind: 'completed', released: job.released }
}
