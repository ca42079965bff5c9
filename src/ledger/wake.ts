import { fitAgain, startJob } from './admit.ts'
import type { Book } from './book.ts'
import type { Asked, Delivery, Verdicts } from './calls.ts'
import { planDelivery, plannedDue } from './delivery.ts'
import type { Failure, JobRow, OrganizationRow } from './facts.ts'
import { failJob } from './finish.ts'
import { priceUnfinished, refusalOf } from './hold.ts'
import { activatePending } from './seat.ts'

/**
 * Resumes what now fits, oldest first: pending seats, then parked jobs. Each is admitted here and now, under the
 * organisation's lock, so that two wakes can never spend the same money; what does not fit is passed over. A job that no
 * money can help any more fails: its limit or its model's price did not outlast the waiting. Of a repeated walk nobody
 * knows what it resumed; the sweep delivers that.
 */
export function wake(book: Book, call: Asked<'wake'>): Verdicts['wake'] {
  const organization = book.organization(call.organizationId)
  if (call.jobId !== null) {
    const job = book.jobOf({ organizationId: organization.id, jobId: call.jobId })
    const delivery = job && wakeOne(book, organization, job, call.repeated === true)
    return { resumed: delivery ? [delivery] : [], members: [], hopeless: [], more: null }
  }
  const members = activatePending(book, organization)
  const { jobs, more } = book.parked.page(organization.id, call.after)
  const hopeless: string[] = []
  const resumed = jobs.flatMap((job) => {
    // A page does not read the lines of the jobs in it, which a reversal needs.
    const isCharged = book.stages(job.id).some((row) => row.state === 'charged')
    const fail = isCharged ? () => hopeless.push(job.id) : (failure: Failure) => failJob(book, job, failure)
    return resume(book, organization, job, fail) ?? []
  })
  return { resumed, members, hopeless, more }
}

function wakeOne(book: Book, organization: OrganizationRow, job: JobRow, isRepeated: boolean): Delivery | null {
  if (job.state !== 'rejected_for_balance') return isRepeated ? plannedDue(book, job) : null
  return resume(book, organization, job, (failure) => failJob(book, job, failure))
}

function resume(
  book: Book,
  organization: OrganizationRow,
  job: JobRow,
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
  const needed = priceUnfinished(book, job, tariff, job.periodStart ?? organization.periodStart).upper
  const stage = job.rejection?.stage ?? 'input'
  const rejection = refusalOf(book, organization, stage, needed)
  if (rejection) {
    if (rejection.reason !== job.rejection?.reason || rejection.missing !== job.rejection?.missing) {
      job.rejection = rejection
      book.touchJob(job)
    }
    return null
  }
  startJob(book, job, tariff)
  return planDelivery(book, job)
}
