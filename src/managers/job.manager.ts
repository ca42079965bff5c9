import type { EntityManager } from '@mikro-orm/postgresql'
import { lineFromJson, type StoredLine } from '../database/money/stored-lines.ts'
import type { NewJobRows } from '../database/submit/new-job-rows.ts'
import type { SubmitPath } from '../database/submit/submit-path.ts'
import { keyLock } from '../database/submit/submit-transaction.ts'
import { type Clock, systemClock } from '../foundation/clock.ts'
import { ConflictError, NotFoundError, TollkeeperError } from '../foundation/errors.ts'
import { UUID } from '../foundation/ids.ts'
import { invariant } from '../foundation/invariant.ts'
import type { Delivery } from '../ledger/calls.ts'
import { unknownOrganization } from '../ledger/fold.ts'
import { isFinal } from '../ledger/states.ts'
import { judgeSubmission, type SubmitFacts } from '../ledger/submit.ts'
import { Hold } from '../models/hold.model.ts'
import { Job } from '../models/job.model.ts'
import { JobStage } from '../models/job-stage.model.ts'
import { JobText } from '../models/job-text.model.ts'
import { Organization } from '../models/organization.model.ts'
import { TariffVersion } from '../models/tariff-version.model.ts'
import { TeamMember } from '../models/team-member.model.ts'
import { type JobPage, jobPageStatement } from './job-page.ts'
import { chargedOf, toView } from './job-rows.ts'
import type { JobView, Receipt, Within } from './job-view.ts'
import { firstDelivery, type NewJob, newJobRows, newJobView, toJobRow, toStageRows } from './new-job.ts'
import { storeJobs } from './new-jobs.ts'

export interface CreatedJob {
  readonly id: string
  readonly view: JobView | null
  readonly first: Delivery | null
}

/** A job of a list, as it is now. */
export interface ListedJob extends CreatedJob {
  readonly view: JobView
  readonly replayed: boolean
}

/** Stores jobs and shows them. What happens to their money is decided elsewhere: in the fold. */
export class JobManager {
  readonly #clock: Clock
  readonly #tokenizer: { readonly id: string; readonly version: string }
  readonly #submits: Pick<SubmitPath, 'submit'>

  constructor(
    tokenizer: { readonly id: string; readonly version: string },
    clock: Clock,
    submits: Pick<SubmitPath, 'submit'>,
  ) {
    this.#clock = clock
    this.#tokenizer = tokenizer
    this.#submits = submits
  }

  /**
   * Stores a job with its stages, in a transaction that it shares with others that are submitted at the same moment.
   * @returns the job's id, how it looks, and its first queue job to enqueue now; both null where the key was used before
   * @throws NotFoundError; ConflictError `no-tariff`; ForbiddenError `not-a-member`; 422 `idempotency-mismatch`;
   *   UnavailableError
   */
  async submit(input: NewJob): Promise<CreatedJob> {
    const rows = this.#rowsOf(input)
    const verdict = await this.#submits.submit(rows)
    if (verdict.kind === 'known') return { id: verdict.jobId, view: null, first: null }
    const { createdAt, currency } = verdict
    return { id: rows.id, view: newJobView(rows, new Date(createdAt), currency), first: firstDelivery(rows) }
  }

  /**
   * The same in a transaction of the caller's.
   * @returns as {@link submit}; what is to be enqueued is to be so after COMMIT
   * @throws as {@link submit}
   */
  async create(em: EntityManager, input: NewJob): Promise<CreatedJob> {
    const rows = this.#rowsOf(input)
    const judged = judgeSubmission(rows, await this.#submitFacts(em, rows))
    if (judged instanceof TollkeeperError) throw judged
    if (judged.kind === 'known') return { id: judged.jobId, view: null, first: null }
    const { id, text } = rows
    const job = em.create(Job, toJobRow(rows))
    if (text !== null) em.create(JobText, { jobId: id, text })
    for (const stage of toStageRows(rows, this.#clock.now().getTime())) em.create(JobStage, stage)
    await em.flush()
    return { id, view: newJobView(rows, job.createdAt, judged.currency), first: firstDelivery(rows) }
  }

  /**
   * The same for jobs of one organisation, in one go: all or none are stored. Where a key was used before, the job that it
   * stands for comes back as `replayed`, with `first` null.
   * @throws as {@link create}; ValidationError at `/jobs/<index>/key` for a key that stands twice in the list
   */
  async createAll(em: EntityManager, inputs: readonly NewJob[]): Promise<readonly ListedJob[]> {
    const [one] = inputs
    if (!one) return []
    const isOfOne = inputs.every(({ organizationId }) => organizationId === one.organizationId)
    invariant(isOfOne, 'jobs that are stored together are of one organisation')
    const stored = await storeJobs(
      em,
      one.organizationId,
      inputs.map((input) => this.#rowsOf(input)),
      this.#clock.now().getTime(),
    )
    const views = await this.findAll(
      em,
      stored.map(({ id }) => id),
    )
    return stored.map(({ id, rows }, index) => {
      const view = views[index]
      invariant(view, 'each job of the list was stored')
      return { id, view, first: rows && firstDelivery(rows), replayed: rows === null }
    })
  }

  /** @param within whose jobs are seen; any other one is missing @throws NotFoundError */
  async find(em: EntityManager, jobId: string, within: Within | null = null): Promise<JobView> {
    const [view] = await this.#views(em, [await this.#row(em, jobId, within)])
    return view as JobView
  }

  /** Several jobs in the order of their ids, which are UUIDs; null for one that does not exist. */
  async findAll(em: EntityManager, jobIds: readonly string[]): Promise<readonly (JobView | null)[]> {
    if (jobIds.length === 0) return []
    const rows = await em.find(Job, { id: { $in: [...jobIds] } })
    const views = new Map((await this.#views(em, rows)).map((view) => [view.id, view]))
    return jobIds.map((id) => views.get(id) ?? null)
  }

  /** A page of an organisation's jobs, by when they were submitted. @throws NotFoundError */
  async list(
    em: EntityManager,
    organizationId: string,
    page: JobPage,
  ): Promise<{ readonly jobs: readonly JobView[]; readonly more: boolean }> {
    if (!(await em.count(Organization, { id: organizationId }))) throw unknownOrganization(organizationId)
    const { sql, values } = jobPageStatement(organizationId, page, this.#clock === systemClock)
    const ids = (await em.execute<{ id: string }[]>(sql, [...values])).map(({ id }) => id)
    const jobs = await this.findAll(em, ids.slice(0, page.limit))
    return { jobs: jobs.filter((job) => job !== null), more: ids.length > page.limit }
  }

  /**
   * What a new job of the same text and terms needs of a job that has ended.
   * @throws NotFoundError; ConflictError `job-unfinished`, `text-gone`
   */
  async ended(em: EntityManager, jobId: string, within: Within | null = null): Promise<NewJob & { text: string }> {
    const { organizationId, userId, externalId, steps, maxCost, state } = await this.#row(em, jobId, within)
    if (!isFinal(state)) {
      throw new ConflictError('job-unfinished', `The job is ${state}; cancel it, or wait for its end, to run it again`)
    }
    const stored = await em.findOne(JobText, { jobId })
    if (!stored) {
      throw new ConflictError('text-gone', 'The text of this job is not stored any more; submit it as a new job')
    }
    const { text } = stored
    return { organizationId, userId, externalId, key: null, text, steps, maxCost, runner: 'pipeline' }
  }

  /** What a job cost and why, in every state; final when the job's state is. @throws NotFoundError */
  async receipt(em: EntityManager, jobId: string, within: Within | null = null): Promise<Receipt> {
    const job = await this.#row(em, jobId, within)
    const stages = await em.find(JobStage, { jobId }, { orderBy: { position: 'asc', stage: 'asc' } })
    const holds = await em.find(Hold, { jobId })
    const { currency } = await em.findOneOrFail(Organization, { id: job.organizationId })
    const version = job.tariffVersionId && (await em.findOneOrFail(TariffVersion, { id: job.tariffVersionId }))
    const lines = stages.flatMap(({ stage, lines }) =>
      ((lines ?? []) as readonly StoredLine[]).map((line) => ({ stage, ...lineFromJson(line) })),
    )
    const charged = chargedOf(stages)
    return {
      jobId,
      organizationId: job.organizationId,
      state: job.state,
      final: isFinal(job.state),
      currency,
      tariffId: version ? version.planId : null,
      tariffVersion: version ? version.version : null,
      tokenizer: { id: this.#tokenizer.id, version: this.#tokenizer.version },
      held: holds.reduce((sum, hold) => sum + hold.amount, 0n),
      charged,
      reversed: job.reversed,
      released: job.released,
      writtenOff: job.writtenOff,
      total: charged - job.reversed,
      lines,
      issuedAt: job.finishedAt ?? new Date(),
    }
  }

  async #row(em: EntityManager, jobId: string, within: Within | null): Promise<Job> {
    const job = UUID.test(jobId) ? await em.findOne(Job, { id: jobId }) : null
    if (!job || (within !== null && !isWithin(job, within))) throw new NotFoundError()
    return job
  }

  async #views(em: EntityManager, jobs: readonly Job[]): Promise<readonly JobView[]> {
    const ids = jobs.map((job) => job.id)
    const organizations = await em.find(Organization, { id: { $in: jobs.map((job) => job.organizationId) } })
    const versions = await em.find(TariffVersion, { id: { $in: jobs.flatMap((job) => job.tariffVersionId ?? []) } })
    const stages = await em.find(JobStage, { jobId: { $in: ids } }, { orderBy: { position: 'asc', stage: 'asc' } })
    const holds = await em.find(Hold, { jobId: { $in: ids }, state: 'open' })
    return jobs.map((job) =>
      toView(job, {
        organization: organizations.find((row) => row.id === job.organizationId) ?? null,
        version: versions.find((row) => row.id === job.tariffVersionId) ?? null,
        stages: stages.filter((row) => row.jobId === job.id),
        hold: holds.find((row) => row.jobId === job.id) ?? null,
      }),
    )
  }

  #rowsOf(input: NewJob): NewJobRows {
    return newJobRows(input, this.#clock === systemClock ? null : this.#clock.now().getTime())
  }

  /** Waits for whoever submits the same key at this moment, then looks. */
  async #submitFacts(em: EntityManager, { organizationId, userId, key }: NewJobRows): Promise<SubmitFacts> {
    if (key !== null) {
      await em.execute('select pg_advisory_xact_lock(hashtextextended(?, 0))', [keyLock(organizationId, key)])
    }
    const organization = await em.findOne(Organization, { id: organizationId })
    const known = key === null ? null : await em.findOne(Job, { organizationId, submitKey: key })
    const member = userId === null ? null : await em.findOne(TeamMember, { organizationId, userId })
    return {
      organization: organization && {
        currency: organization.currency,
        hasTariff: organization.tariffVersionId !== null,
      },
      known: known && { jobId: known.id, hash: known.submitHash },
      member: member?.state ?? null,
    }
  }
}

function isWithin(job: Job, { organizationId, userId }: Within): boolean {
  return job.organizationId === organizationId && (userId === null || job.userId === userId)
}
