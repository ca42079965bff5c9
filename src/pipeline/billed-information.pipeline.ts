import type { EntityManagerSource } from '../database/transaction.ts'
import { isFinal } from '../ledger/states.ts'
import { jobToJson, receiptToJson } from '../managers/contract-json.ts'
import type { JobManager } from '../managers/job.manager.ts'
import type { JobView } from '../managers/job-view.ts'
import type { BatchQuoteView, QuoteView } from '../managers/quote-view.ts'
import type { JobService } from './job-service.ts'
import type { JobWatcher } from './job-watcher.ts'
import { JobCancelled, JobFailed, RejectedForBalance } from './outcome-errors.ts'
import type { Submission } from './submission.ts'

/** What the pipeline needs of a connection; `connect()` gives it. */
export interface PipelineConnection {
  readonly service: JobService
  readonly watcher: JobWatcher
  readonly jobs: JobManager
  readonly em: EntityManagerSource
}

/** How a job is submitted: everything of a submission but its text and who pays. */
export type SubmitOptions = Omit<Submission, 'organizationId' | 'userId' | 'text'>

/** What of a submission decides about its price. */
export type QuoteOptions = Pick<Submission, 'agents' | 'steps' | 'maxCost'>

export interface ProcessOptions extends SubmitOptions {
  /** Waits through a rejection for balance until a top-up resumes the job, instead of throwing. */
  readonly untilResumed?: boolean
  readonly signal?: AbortSignal
}

/** A finished job: what was made, and what it cost and why, in the shape of contract.md. */
export interface ProcessResult {
  readonly jobId: string
  readonly text: string
  readonly receipt: ReturnType<typeof receiptToJson>
}

/**
 * The billed pipeline of one organisation and, optionally, one of its members: submits texts, follows them, and gives
 * results with their receipts.
 */
export class BilledInformationPipeline {
  readonly #connection: PipelineConnection
  readonly #organizationId: string
  readonly #userId: string | null

  constructor(connection: PipelineConnection, organizationId: string, userId: string | null = null) {
    this.#connection = connection
    this.#organizationId = organizationId
    this.#userId = userId
  }

  /**
   * Stores a job and returns at once, with its state in the shape of contract.md.
   * @throws ValidationError, TooLargeError, NotFoundError, ConflictError `no-tariff`, ForbiddenError `not-a-member`
   */
  async submit(text: string, options: SubmitOptions = {}): Promise<ReturnType<typeof jobToJson>> {
    return jobToJson(await this.#submit(text, options))
  }

  /**
   * Submits a text and waits for its result.
   * @throws as {@link submit}; RejectedForBalance (the job stays parked), JobFailed, JobCancelled
   */
  async process(text: string, options: ProcessOptions = {}): Promise<ProcessResult> {
    const { untilResumed = false, signal, ...submission } = options
    const { watcher, jobs, em } = this.#connection
    const { id } = await this.#submit(text, submission)
    const rests = (job: JobView) => isFinal(job.state) || (!untilResumed && job.state === 'rejected_for_balance')
    const job = await watcher.until(id, rests, signal)
    if (job.state === 'rejected_for_balance' && job.rejection) throw new RejectedForBalance(job, job.rejection)
    if (job.state === 'cancelled') throw new JobCancelled(job)
    if (job.state !== 'charged') throw new JobFailed(job)
    return { jobId: id, text: job.result?.text ?? '', receipt: receiptToJson(await jobs.receipt(em(), id)) }
  }

  /**
   * What a job of this text would cost, before any work and without effect: `lower` is certain, `upper` is what would be
   * held and the most that it can cost; both by stage, too. Amounts in nano-units; `formatAmount` writes them.
   * @throws as {@link submit}; ValidationError at `/max_cost` where the smallest run costs more
   */
  quote(text: string, options: QuoteOptions = {}): Promise<QuoteView> {
    return this.#connection.service.quote({ ...options, ...this.#payer(), text })
  }

  /**
   * The same for up to 1,000 texts, and how many of them the balance can start: as if each was submitted now, in this
   * order, those that do not fit being passed over. `missing` is what a top-up must be for all. Amounts in nano-units.
   * @throws as {@link submit}, but ValidationError at `/texts/<index>` for what is wrong with a text, its size too
   */
  quoteAll(texts: readonly string[], options: QuoteOptions = {}): Promise<BatchQuoteView> {
    return this.#connection.service.quoteAll({ ...options, ...this.#payer(), texts })
  }

  /** A job's state in the shape of contract.md. @throws NotFoundError */
  async status(jobId: string): Promise<ReturnType<typeof jobToJson>> {
    return jobToJson(await this.#connection.service.find(jobId, this.#own()))
  }

  /** Stops a job; finished stages stay charged. @throws NotFoundError, ConflictError `job-finished` */
  async cancel(jobId: string): Promise<ReturnType<typeof jobToJson>> {
    return jobToJson(await this.#connection.service.cancel(jobId, this.#own()))
  }

  #submit(text: string, options: SubmitOptions): Promise<JobView> {
    return this.#connection.service.submit({ ...options, ...this.#payer(), text })
  }

  #payer() {
    return { organizationId: this.#organizationId, userId: this.#userId }
  }

  /** Somebody else's job looks like a missing one. */
  #own() {
    return { organizationId: this.#organizationId, userId: null }
  }
}
