import { TollkeeperError } from '../foundation/errors.ts'
import { rejectionSentence } from '../managers/contract-json.ts'
import type { JobView } from '../managers/job-view.ts'
import { formatAmount } from '../pricing/money.ts'

/** The organisation cannot pay for the job now. The job stays parked and goes on by itself once the money is there. */
export class RejectedForBalance extends TollkeeperError {
  readonly jobId: string
  /** Amounts as in contract.md: strings in the organisation's currency. */
  readonly needed: string
  readonly available: string
  readonly missing: string

  constructor(job: JobView, rejection: NonNullable<JobView['rejection']>) {
    super('insufficient-balance', 402, `Job ${job.id} ${rejectionSentence(rejection, job.currency)}`)
    this.jobId = job.id
    this.needed = formatAmount(rejection.needed)
    this.available = formatAmount(rejection.available)
    this.missing = formatAmount(rejection.missing)
  }
}

/** The job ended without a result; its charges were taken back, unless the plan says otherwise. */
export class JobFailed extends TollkeeperError {
  readonly jobId: string

  constructor(job: JobView) {
    const { code = 'agent-error', detail = 'no reason was stored' } = job.failure ?? {}
    super(code, 500, `Job ${job.id} failed: ${detail}`)
    this.jobId = job.id
  }
}

/** Somebody cancelled the job while it was waited for. */
export class JobCancelled extends TollkeeperError {
  readonly jobId: string

  constructor(job: JobView) {
    super('job-finished', 409, `Job ${job.id} was cancelled; submit it again if it is still wanted`)
    this.jobId = job.id
  }
}
