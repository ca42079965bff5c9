import type { EntityManager } from '@mikro-orm/postgresql'
import { rejectionFromJson } from '../database/money/rows.ts'
import { lineFromJson, type StoredLine } from '../database/money/stored-lines.ts'
import { FIRST_CHECK_MS, type NewJobRows } from '../database/submit/new-job-rows.ts'
import type { SubmitPath } from '../database/submit/submit-path.ts'
import { keyLock } from '../database/submit/submit-transaction.ts'
import { type Clock, systemClock } from '../foundation/clock.ts'
import { NotFoundError, TollkeeperError } from '../foundation/errors.ts'
import { UUID } from '../foundation/ids.ts'
import type { Delivery } from '../ledger/calls.ts'
import { currentStage } from '../ledger/delivery.ts'
import type { Failure } from '../ledger/facts.ts'
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
import type { Nano } from '../pricing/money.ts'
import type { JobView, Receipt } from './job-view.ts'
import { firstDelivery, type NewJob, newJobRows, newJobView } from './new-job.ts'

export interface CreatedJob {
  readonly id: string
  readonly view: JobView | null
  readonly first: Delivery | null
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
    const { id, text, stages, key, hash, givenTime, ...terms } = rows
    const now = givenTime ?? this.#clock.now().getTime()
    const job = em.create(Job, {
      id,
      ...terms,
      ...(givenTime === null ? {} : { createdAt: new Date(givenTime) }),
      submitKey: key,
      submitHash: hash,
      state: 'queued',
      stage: 'input',
      ...UNTOUCHED_JOB,
    })
    if (text !== null) em.create(JobText, { jobId: id, text })
    for (const stage of stages) {
      const checkAt = stage.delivery > 0 ? new Date(now + FIRST_CHECK_MS) : null
      em.create(JobStage, { jobId: id, state: 'waiting', ...stage, ...UNTOUCHED_STAGE, checkAt })
    }
    await em.flush()
    return { id, view: newJobView(rows, job.createdAt, judged.currency), first: firstDelivery(rows) }
  }

  /** @throws NotFoundError */
  async find(em: EntityManager, jobId: string): Promise<JobView> {
    const [view] = await this.#views(em, [await this.#row(em, jobId)])
    return view as JobView
  }

  /** The jobs of an organisation, newest first, from behind `before`. */
  async list(
    em: EntityManager,
    organizationId: string,
    { limit, before }: { readonly limit: number; readonly before: string | null },
  ): Promise<{ readonly jobs: readonly JobView[]; readonly more: boolean }> {
    if (!(await em.count(Organization, { id: organizationId }))) throw unknownOrganization(organizationId)
    const older = before === null ? {} : { id: { $lt: before } }
    const rows = await em.find(Job, { organizationId, ...older }, { orderBy: { id: 'desc' }, limit: limit + 1 })
    return { jobs: await this.#views(em, rows.slice(0, limit)), more: rows.length > limit }
  }

  /** What a job cost and why, in every state; final when the job's state is. @throws NotFoundError */
  async receipt(em: EntityManager, jobId: string): Promise<Receipt> {
    const job = await this.#row(em, jobId)
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

  async #row(em: EntityManager, jobId: string): Promise<Job> {
    const job = UUID.test(jobId) ? await em.findOne(Job, { id: jobId }) : null
    if (!job) throw new NotFoundError()
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

const UNTOUCHED_JOB = {
  tariffVersionId: null,
  periodStart: null,
  rejection: null,
  failure: null,
  parkedAt: null,
  expiresAt: null,
  admittedAt: null,
  finishedAt: null,
} as const

const UNTOUCHED_STAGE = {
  bound: null,
  grants: null,
  usage: null,
  lines: null,
  result: null,
  claimId: null,
  claimedUntil: null,
  finishedAt: null,
} as const

/** A job's row repeats this only when the job rests; its stages always know. */
function chargedOf(stages: readonly JobStage[]): Nano {
  return stages.reduce((sum, { charged }) => sum + charged, 0n)
}

/** What a job's row does not know of it; its stages in their order. */
interface RowsOfJob {
  readonly organization: Organization | null
  readonly version: TariffVersion | null
  readonly stages: readonly JobStage[]
  readonly hold: Hold | null
}

function toView(job: Job, { organization, version, stages, hold }: RowsOfJob): JobView {
  return {
    ...identityOf(job),
    tariffId: version?.planId ?? null,
    tariffVersion: version?.version ?? null,
    currency: organization?.currency ?? '',
    held: hold?.remaining ?? 0n,
    stage: job.state === 'processing' ? currentStage(stages) : job.stage,
    charged: chargedOf(stages) - job.reversed,
    stages: stages.map(({ stage, state, tokens, charged, result, finishedAt }) => {
      return { stage, state, tokens, charged, result, finishedAt }
    }),
    rejection:
      // A job that stops has its rejection noted already; its figures are known once it is parked.
      job.rejection && job.expiresAt && job.parkedAt
        ? { ...rejectionFromJson(job.rejection), expiresAt: job.expiresAt }
        : null,
    failure: job.failure as Failure | null,
    result: job.state === 'charged' ? { text: stages.at(-1)?.result ?? '' } : null,
  }
}

function identityOf(job: Job) {
  const { id, organizationId, userId, externalId, state, steps, createdAt, finishedAt } = job
  return { id, organizationId, userId, externalId, state, steps, createdAt, finishedAt }
}
