import type { EntityManager } from '@mikro-orm/postgresql'
import { lineFromJson, type StoredLine } from '../database/money/stored-lines.ts'
import { type Clock, systemClock } from '../foundation/clock.ts'
import { ConflictError, NotFoundError, TollkeeperError } from '../foundation/errors.ts'
import { newId, UUID } from '../foundation/ids.ts'
import { invariant } from '../foundation/invariant.ts'
import type { Delivery } from '../ledger/calls.ts'
import { unknownOrganization } from '../ledger/fold.ts'
import { isFinal } from '../ledger/states.ts'
import { Hold } from '../models/hold.model.ts'
import { Job } from '../models/job.model.ts'
import { JobStage } from '../models/job-stage.model.ts'
import { JobText } from '../models/job-text.model.ts'
import { Organization } from '../models/organization.model.ts'
import { TariffVersion } from '../models/tariff-version.model.ts'
import { type JobPage, jobPageStatement } from './job-page.ts'
import { chargedOf, fingerprint, type NewJob, toJobRow, toStageRows, toView } from './job-rows.ts'
import type { JobView, Receipt, Within } from './job-view.ts'
import { storeJobs } from './new-jobs.ts'
import { requireMember } from './team-billing.manager.ts'

export interface CreatedJob {
  readonly id: string
  readonly view: JobView | null
  readonly first: Delivery | null
}

/** Stores jobs and shows them. What happens to their money is decided elsewhere: in the fold. */
export class JobManager {
  readonly #clock: Clock
  readonly #tokenizer: { readonly id: string; readonly version: string }

  constructor(tokenizer: { readonly id: string; readonly version: string }, clock: Clock) {
    this.#clock = clock
    this.#tokenizer = tokenizer
  }

  /**
   * Stores a job with its stages.
   * @returns the job's id, how it looks, and its first queue job to enqueue after COMMIT; both null where the key was used
   *   before
   * @throws NotFoundError; ConflictError `no-tariff`; ForbiddenError `not-a-member`; 422 `idempotency-mismatch`
   */
  async create(em: EntityManager, input: NewJob): Promise<CreatedJob> {
    const organization = await em.findOne(Organization, { id: input.organizationId })
    if (!organization) throw unknownOrganization(input.organizationId)
    const known = await this.#submittedBefore(em, input)
    if (known) return { id: known, view: null, first: null }
    if (organization.tariffVersionId === null) {
      throw new ConflictError('no-tariff', `${organization.id} has no tariff; assign a published one first`)
    }
    await requireMember(em, input)
    const [id, now] = [newId(), this.#clock.now()]
    const job = em.create(Job, toJobRow(id, input, this.#clock === systemClock ? null : now))
    if (input.text !== null) em.create(JobText, { jobId: id, text: input.text })
    const rows = toStageRows(id, input, now.getTime()).map((row) => em.create(JobStage, row))
    await em.flush()
    return {
      id,
      // As it was stored: reading it again would cost more than storing it.
      view: toView(job, { organization, stages: rows, version: null, hold: null }),
      first: firstDelivery(id, input),
    }
  }

  /**
   * The same for jobs of one organisation, in one go: all or none are stored. Where a key was used before, the job that it
   * stands for comes back with `first` null.
   * @throws as {@link create}; ValidationError at `/jobs/<index>/key` for a key that stands twice in the list
   */
  async createAll(em: EntityManager, inputs: readonly NewJob[]): Promise<readonly (CreatedJob & { view: JobView })[]> {
    const [one] = inputs
    if (!one) return []
    const isOfOne = inputs.every(({ organizationId }) => organizationId === one.organizationId)
    invariant(isOfOne, 'jobs that are stored together are of one organisation')
    const stored = await storeJobs(em, one.organizationId, inputs, this.#clock)
    const views = await this.findAll(
      em,
      stored.map(({ id }) => id),
    )
    return inputs.map((input, index) => {
      const [job, view] = [stored[index], views[index]]
      invariant(job && view, 'each job of the list was stored')
      return { id: job.id, view, first: job.isNew ? firstDelivery(job.id, input) : null }
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

  /** Waits for whoever submits the same key at this moment, then looks. */
  async #submittedBefore(em: EntityManager, input: NewJob): Promise<string | null> {
    if (input.key === null) return null
    const lock = `submit ${input.organizationId} ${input.key}`
    await em.execute('select pg_advisory_xact_lock(hashtextextended(?, 0))', [lock])
    const known = await em.findOne(Job, { organizationId: input.organizationId, submitKey: input.key })
    if (known && known.submitHash !== fingerprint(input)) {
      const message = `The key "${input.key}" was used for another job; use another key for another text or other agents`
      throw new TollkeeperError('idempotency-mismatch', 422, message)
    }
    return known?.id ?? null
  }
}

/** An own job has a worker of its own and no queue job. */
function firstDelivery(jobId: string, { organizationId, runner }: NewJob): Delivery | null {
  const stages = [{ stage: 'input', delivery: 1 }]
  return runner === 'pipeline' ? { jobId, organizationId, generation: 0, stages, parent: null } : null
}

function isWithin(job: Job, { organizationId, userId }: Within): boolean {
  return job.organizationId === organizationId && (userId === null || job.userId === userId)
}
