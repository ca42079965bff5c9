import type { EntityManagerSource, InTransaction } from '../database/transaction.ts'
import { ConflictError, NotFoundError, ValidationError } from '../foundation/errors.ts'
import { failpoint } from '../foundation/failpoint.ts'
import { ACCOUNT_ID } from '../foundation/ids.ts'
import { invariant } from '../foundation/invariant.ts'
import type { JobManager } from '../managers/job.manager.ts'
import type { JobView, Within } from '../managers/job-view.ts'
import type { QuoteManager } from '../managers/quote.manager.ts'
import type { BatchQuoteView, QuoteView } from '../managers/quote-view.ts'
import type { TokenBasedBillingManager } from '../managers/token-based-billing.manager.ts'
import { normalizeText } from '../tokenizer/normalize.ts'
import { type Measuring, measureText, unknownAgent } from './bounds.ts'
import { acceptJobs } from './listed-jobs.ts'
import { measureInOrder, normalizeTexts } from './listed-texts.ts'
import type { NewJobs } from './new-jobs.ts'
import type { JobList, Resubmission, Submission, SubmittedJob, TextList } from './submission.ts'

type Steps = readonly (readonly string[])[]

export interface JobServiceDependencies extends Measuring {
  readonly inTransaction: InTransaction
  readonly em: EntityManagerSource
  readonly jobs: JobManager
  readonly quotes: QuoteManager
  readonly billing: TokenBasedBillingManager
  readonly defaultAgents: readonly string[]
  readonly newJobs: Pick<NewJobs, 'push'>
  readonly maxTextBytes: number
}

/** Agents of one job; each costs a queue job and a row, and a request of 100,000 keys must end at the door. */
const AGENTS_MAX = 64

/** What one can do with jobs from outside, whatever the door. */
export class JobService {
  readonly #with: JobServiceDependencies

  constructor(dependencies: JobServiceDependencies) {
    this.#with = dependencies
  }

  /**
   * Stores a job and answers; it enters the queue right after, or at the next sweep where the queue is down.
   * @throws ValidationError, TooLargeError, NotFoundError, ConflictError `no-tariff`, ForbiddenError `not-a-member`
   */
  async submit(submission: Submission): Promise<SubmittedJob> {
    const { em, jobs, newJobs } = this.#with
    const text = normalizeText(submission.text, this.#with.maxTextBytes)
    const steps = this.#steps(submission)
    const { organizationId, userId = null, externalId = null, key = null, maxCost = null } = submission
    if (!ACCOUNT_ID.test(organizationId)) throw new NotFoundError()
    const job = { organizationId, userId, externalId, key, maxCost, text, steps, runner: 'pipeline' as const }
    const { id, view, first } = await jobs.submit(job)
    failpoint('submit.after-row')
    newJobs.push(first)
    return view ? { ...view, replayed: false } : { ...(await jobs.find(em(), id)), replayed: true }
  }

  /**
   * Stores up to 100 jobs in one transaction, all or none; they enter the queue right after, in their order.
   * @throws as {@link submit}, but ValidationError at `/jobs/<index>/…` for what is wrong with a job, its text's size too
   */
  async submitAll(list: JobList): Promise<readonly SubmittedJob[]> {
    const { inTransaction, jobs, newJobs } = this.#with
    if (!ACCOUNT_ID.test(list.organizationId)) throw new NotFoundError()
    const accepted = await acceptJobs(list, this.#with.maxTextBytes, (submission) => this.#steps(submission))
    const stored = await inTransaction((manager) => jobs.createAll(manager, accepted))
    failpoint('submit.after-row')
    for (const { first } of stored) newJobs.push(first)
    return stored.map(({ view, replayed }) => ({ ...view, replayed }))
  }

  /**
   * Runs the text of a job that has ended once more: a new job with the same terms, which pays again.
   * @param within whose jobs are seen
   * @throws NotFoundError; ConflictError `job-unfinished`, `text-gone`, `no-tariff`; ForbiddenError `not-a-member`;
   *         ValidationError `unknown-agent` where an agent is not served any more; 422 `idempotency-mismatch`
   */
  async resubmit(jobId: string, { maxCost, key = null }: Resubmission, within: Within | null): Promise<SubmittedJob> {
    const { inTransaction, jobs, newJobs } = this.#with
    const [stored] = await inTransaction(async (manager) => {
      const ended = await jobs.ended(manager, jobId, within)
      const steps = this.#steps({ steps: ended.steps })
      const limit = maxCost === undefined ? ended.maxCost : maxCost
      const again = { ...ended, steps, key, maxCost: limit, request: `resubmit ${jobId}` }
      return jobs.createAll(manager, [again])
    })
    invariant(stored, 'a list of one job has one')
    newJobs.push(stored.first)
    return { ...stored.view, replayed: stored.replayed }
  }

  /**
   * The bounds of a job's price, by stage, without any effect.
   * @throws as {@link submit}; ValidationError at `/max_cost` where the smallest run costs more
   */
  async quote(submission: Omit<Submission, 'externalId' | 'key'>): Promise<QuoteView> {
    const text = normalizeText(submission.text, this.#with.maxTextBytes)
    const bounded = await measureText(text, this.#steps(submission), this.#with)
    return this.#with.quotes.quote(this.#with.em(), this.#termsOf(submission), bounded)
  }

  /**
   * The same for a list of texts, and which of them would start if all were submitted now, in this order.
   * @param onMeasured is told how many texts are measured
   * @throws as {@link submit}, but ValidationError at `/texts/<index>` for what is wrong with a text, its size too
   */
  async quoteAll(list: TextList, onMeasured: (done: number) => void = () => undefined): Promise<BatchQuoteView> {
    const steps = this.#steps(list)
    const texts = await normalizeTexts(list.texts, this.#with.maxTextBytes)
    const bounded = measureInOrder(texts, (text) => measureText(text, steps, this.#with), onMeasured)
    return this.#with.quotes.quoteAll(this.#with.em(), this.#termsOf(list), bounded)
  }

  /** @param within whose jobs are seen; any other one is missing @throws NotFoundError */
  find(jobId: string, within: Within | null = null): Promise<JobView> {
    return this.#with.jobs.find(this.#with.em(), jobId, within)
  }

  /**
   * Stops a job: finished stages stay charged, the rest is released.
   * @param within whose jobs are seen @throws NotFoundError, ConflictError `job-finished`
   */
  async cancel(jobId: string, within: Within | null = null): Promise<JobView> {
    const { billing, jobs, em } = this.#with
    const job = await jobs.find(em(), jobId, within)
    const verdict = await billing.cancel({ organizationId: job.organizationId, jobId })
    if (verdict.kind === 'refused') {
      throw new ConflictError('job-finished', `The job is ${verdict.state} already; there is nothing to cancel`)
    }
    return jobs.find(em(), jobId)
  }

  #termsOf({ organizationId, userId = null, maxCost = null }: Omit<Submission, 'text'>) {
    return { organizationId, userId, maxCost, outputLimit: this.#with.limits.maxOutputTokens }
  }

  #steps({ agents, steps }: Pick<Submission, 'agents' | 'steps'>): Steps {
    if (agents && steps) throw ValidationError.of('/steps', 'invalid-value', 'Give agents or steps, not both')
    const wanted = steps ?? [agents ?? this.#with.defaultAgents]
    const keys = wanted.flat()
    if (wanted.length === 0 || wanted.some((step) => step.length === 0)) {
      throw ValidationError.of(steps ? '/steps' : '/agents', 'invalid-value', 'Name at least one agent in each step')
    }
    if (keys.length > AGENTS_MAX) {
      throw ValidationError.of('/agents', 'out-of-range', `A job has at most ${AGENTS_MAX} agents`)
    }
    const unknown = keys.find((key) => this.#with.agents.get(key) === undefined)
    if (unknown !== undefined) throw unknownAgent(unknown, this.#with.agents)
    if (new Set(keys).size < keys.length) {
      throw ValidationError.of(steps ? '/steps' : '/agents', 'duplicate-key', 'An agent stands at most once in a job')
    }
    return wanted
  }
}
