import { type Nano, smallest } from '../pricing/money.ts'
import { fitAgain, startJob } from './admit.ts'
import type { Book } from './book.ts'
import type { Asked, Calls, Delivery, Verdicts } from './calls.ts'
import { planDelivery, plannedDue } from './delivery.ts'
import type { Failure, JobRow, OrganizationRow, Rejection } from './facts.ts'
import { failJob } from './finish.ts'
import { leastOf, priceUnfinished, refusalOf } from './hold.ts'
import { payArrears } from './renewal.ts'
import { activatePending } from './seat.ts'
import { freedFor, leftFor } from './spending-limit.ts'

/**
 * Pays what is owed, and resumes what now fits, oldest first: pending seats, then parked jobs. Each is admitted here and now, under the
 * organisation's lock, so that two wakes can never spend the same money; what does not fit is passed over, and by a walk
 * over what may fit not even priced. A job that no money can help any more fails: its limit or its model's price did not
 * outlast the waiting. Of a repeated walk nobody knows what it resumed; the sweep delivers that.
 */
export function wake(book: Book, call: Asked<'wake'>): Verdicts['wake'] {
  const organization = book.organization(call.organizationId)
  if (call.jobId !== null) {
    const job = book.jobOf({ organizationId: organization.id, jobId: call.jobId })
    const delivery = job && wakeOne(book, organization, job, call.repeated === true)
    return { resumed: delivery ? [delivery] : [], members: [], hopeless: [], more: null }
  }
  payArrears(book, organization)
  const members = activatePending(book, organization)
  const { jobs, more, kept } = lookAt(book, organization, call)
  const mostFor = call.scope === 'fitting' ? mostOfPage(book, organization, jobs, kept) : () => null
  const hopeless: string[] = []
  const resumed = jobs.flatMap((job) => {
    const most = mostFor(job)
    if (most !== null && (job.rejection?.atLeast ?? 0n) > most) return []
    // A page does not read the lines of the jobs in it, which a reversal needs.
    const isCharged = book.stages(job.id).some((row) => row.state === 'charged')
    const fail = isCharged ? () => hopeless.push(job.id) : (failure: Failure) => failJob(book, job, failure)
    return resume(book, organization, job, most, fail) ?? []
  })
  return { resumed, members, hopeless, more }
}

/**
 * The most that a walk over what may fit can give each job of its page, by what is spendable and by its user's limit. What
 * earlier calls of its batch freed is left to the walk that their notice asks for: an older job may want it, which was not
 * read since it could not fit.
 */
function mostOfPage(
  book: Book,
  organization: OrganizationRow,
  jobs: readonly JobRow[],
  kept: Nano,
): (job: JobRow) => Nano {
  const isPart = book.parked.isPartOf(organization.id)
  const freed = new Map(isPart ? jobs.map((job) => [job, freedFor(book, job)]) : [])
  return (job) => {
    const money = book.spendable(organization) - kept
    const left = leftFor(book, job)
    return left === null ? money : smallest([money, left - (freed.get(job) ?? 0n)])
  }
}

/** A page of a walk, and what of the money it may not touch. */
function lookAt(book: Book, organization: OrganizationRow, { scope, after }: Calls['wake']) {
  const isFitting = scope === 'fitting'
  // Nothing fits an organisation that may not spend; a walk over all says so to its jobs.
  if (isFitting && organization.status !== 'active') return { jobs: [], more: null, kept: 0n }
  const spendable = book.spendable(organization)
  const kept = isFitting ? spendable - book.parked.reach(organization.id, spendable) : 0n
  const { jobs, more } = book.parked.page(organization.id, after)
  return { jobs, more, kept }
}

function wakeOne(book: Book, organization: OrganizationRow, job: JobRow, isRepeated: boolean): Delivery | null {
  if (job.state !== 'rejected_for_balance') return isRepeated ? plannedDue(book, job) : null
  return resume(book, organization, job, null, (failure) => failJob(book, job, failure))
}

/** @param most what it may take of what is there; null: all */
function resume(
  book: Book,
  organization: OrganizationRow,
  job: JobRow,
  most: Nano | null,
  fail: (failure: Failure) => void,
): Delivery | null {
  const versionId = job.tariffVersionId ?? organization.tariffVersionId
  if (versionId === null) return null
  const tariff = book.tariff(versionId)
  const failure = fitAgain(book, job, tariff)
  if (failure) {
    fail(failure)
    return null
  }
  const periodStart = job.periodStart ?? organization.periodStart
  const needed = priceUnfinished(book, job, tariff, periodStart).upper
  const stage = job.rejection?.stage ?? 'input'
  const rejection = refusalOf(book, job, stage, needed)
  if (rejection) {
    refuseAgain(book, job, { ...rejection, atLeast: leastOf(book, job, tariff, periodStart) })
    return null
  }
  if (most !== null && needed > most) return null
  startJob(book, job, tariff)
  return planDelivery(book, job)
}

/** Figures are written anew only where somebody would see or use the difference. */
function refuseAgain(book: Book, job: JobRow, rejection: Rejection): void {
  const { reason, missing, atLeast } = job.rejection ?? {}
  if (rejection.reason === reason && rejection.missing === missing && rejection.atLeast === atLeast) return
  job.rejection = rejection
  book.touchJob(job)
}
