import { invariant } from '../foundation/invariant.ts'
import { releaseGrants } from '../pricing/counters.ts'
import type { Nano } from '../pricing/money.ts'
import { type BoundedStage, quoteStages, stageUpper } from '../pricing/quote.ts'
import type { Tariff } from '../pricing/tariff.ts'
import type { Book } from './book.ts'
import type { JobRow, OrganizationRow, Rejection, StageRow } from './facts.ts'
import { businessKey } from './keys.ts'
import { commit, leftFor, type Spender } from './spending-limit.ts'

/** The unfinished stages of a job with the bounds that they were given. */
export function unfinishedBounds(stages: readonly StageRow[]): readonly BoundedStage[] {
  return stages.flatMap((row) => {
    if (row.state === 'charged' || row.state === 'reversed') return []
    invariant(row.bound, `stage ${row.stage} has its bound before it is priced`)
    return [{ stage: row.stage, bound: row.bound }]
  })
}

/** What a job was charged so far and has not got back, in nano-units: what counts towards its limit and its minimum. */
export function paidFor({ charged, reversed }: Pick<JobRow, 'charged' | 'reversed'>): Nano {
  return charged - reversed
}

/** Why an organisation may not spend, however much it has; null if it may. */
export function blockedBy(organization: Pick<OrganizationRow, 'status'>): 'frozen' | 'past_due' | null {
  if (organization.status === 'frozen') return 'frozen'
  return organization.status === 'active' ? null : 'past_due'
}

/**
 * Why a job's amount cannot be had now, or null if it can. What its user's limit forbids is refused for that, however much
 * money is there: a top-up would not help.
 */
export function refusalOf(book: Book, job: Spender, stage: string, needed: Nano): Rejection | null {
  const organization = book.organization(job.organizationId)
  const spendable = book.spendable(organization)
  const short = needed > spendable ? needed - spendable : 0n
  const refuse = (reason: Rejection['reason']): Rejection => ({
    reason,
    stage,
    needed,
    available: organization.available,
    missing: short,
  })
  const blocked = blockedBy(organization)
  if (blocked !== null) return refuse(blocked)
  const left = leftFor(book, job)
  if (left !== null && needed > left) {
    return { reason: 'member_limit', stage, needed, available: left, missing: needed - left }
  }
  if (short === 0n) return null
  return refuse(short <= organization.held ? 'held_by_others' : 'insufficient')
}

/** The dearest that the unfinished stages of a job can become from here on, in nano-units. */
export function priceUnfinished(book: Book, job: JobRow, tariff: Tariff, periodStart: number) {
  const counters = book.counters(job.organizationId, tariff, periodStart)
  return quoteStages(tariff, unfinishedBounds(book.stages(job.id)), counters, paidFor(job))
}

/**
 * What the unfinished stages of a parked job will cost at least, whatever other jobs hold, settle and release while it
 * waits: the quote as if every included unit that nobody has used were free. Bounds of prices consider every position of
 * the counters (ADR 5), so that free units are all that makes a job cheaper; or its cost limit, which shrinks its bounds
 * where it may yet be exceeded: then nothing is known.
 */
export function leastOf(book: Book, job: JobRow, tariff: Tariff, periodStart: number): Nano {
  const bounds = unfinishedBounds(book.stages(job.id))
  if (job.maxCost !== null) {
    let dearest = 0n
    for (const { bound } of bounds) dearest += stageUpper(tariff, bound, {})
    if (dearest > job.maxCost - paidFor(job)) return 0n
  }
  const counters = book.counters(job.organizationId, tariff, periodStart)
  const unused = new Map([...counters].map(([key, counter]) => [key, { ...counter, reserved: 0 }]))
  return quoteStages(tariff, bounds, unused, paidFor(job)).upper
}

/**
 * Takes the hold of a job's unfinished stages and promises them their included units. The caller has made sure that
 * the money is there.
 */
export function openHold(book: Book, job: JobRow, tariff: Tariff, periodStart: number): Nano {
  const organization = book.organization(job.organizationId)
  const quote = priceUnfinished(book, job, tariff, periodStart)
  job.generation += 1
  for (const { stage, grants } of quote.stages) {
    const row = book.stage(job.id, stage)
    invariant(row, `stage ${stage} exists`)
    if (Object.keys(grants).length === 0 && Object.keys(row.grants).length === 0) continue
    row.grants = grants
    book.touchStage(row)
  }
  book.putCounters(organization.id, tariff, periodStart, quote.counters)
  book.openHold({
    jobId: job.id,
    organizationId: organization.id,
    generation: job.generation,
    amount: quote.upper,
    remaining: quote.upper,
    state: 'open',
    openedAt: book.now,
    closedAt: null,
    isNew: true,
  })
  if (quote.upper > 0n) {
    const key = businessKey.hold(job.id, job.generation)
    book.post(organization, {
      kind: 'hold',
      debit: 'available',
      credit: 'held',
      amount: quote.upper,
      key,
      jobId: job.id,
    })
  }
  job.tariffVersionId = tariff.versionId
  job.periodStart = periodStart
  commit(book, job, quote.upper)
  return quote.upper
}

/** Gives back what is left of a job's hold and the included units that its unfinished stages were promised. */
export function closeHold(book: Book, job: JobRow): Nano {
  const hold = book.hold(job.id)
  if (!hold) return 0n
  const organization = book.organization(job.organizationId)
  const left = hold.remaining
  hold.remaining = 0n
  hold.state = 'closed'
  hold.closedAt = book.now
  book.touchHold(hold)
  returnGrants(book, job)
  commit(book, job, -left)
  if (left > 0n) {
    const key = businessKey.release(job.id, hold.generation)
    book.post(organization, { kind: 'release', debit: 'held', credit: 'available', amount: left, key, jobId: job.id })
    job.released += left
  }
  book.wakeLater(organization)
  return left
}

function returnGrants(book: Book, job: JobRow): void {
  if (job.tariffVersionId === null || job.periodStart === null) return
  const tariff = book.tariff(job.tariffVersionId)
  for (const row of book.stages(job.id)) {
    if (Object.keys(row.grants).length === 0) continue
    const counters = book.counters(job.organizationId, tariff, job.periodStart)
    book.putCounters(job.organizationId, tariff, job.periodStart, releaseGrants(counters, row.grants))
    row.grants = {}
    book.touchStage(row)
  }
}
