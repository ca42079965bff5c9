import { createHash } from 'node:crypto'
import type { EntityManager } from '@mikro-orm/postgresql'
import { rejectionFromJson } from '../database/money/rows.ts'
import { lineFromJson, type StoredLine } from '../database/money/stored-lines.ts'
import { type Clock, systemClock } from '../foundation/clock.ts'
import { ConflictError, NotFoundError, TollkeeperError } from '../foundation/errors.ts'
import { newId, UUID } from '../foundation/ids.ts'
import type { Delivery } from '../ledger/calls.ts'
import { currentStage } from '../ledger/delivery.ts'
import type { Failure } from '../ledger/facts.ts'
import { unknownOrganization } from '../ledger/fold.ts'
import { isFinal } from '../ledger/states.ts'
import { Hold } from '../models/hold.model.ts'
import { Job } from '../models/job.model.ts'
import { JobStage } from '../models/job-stage.model.ts'
import { JobText } from '../models/job-text.model.ts'
import { Organization } from '../models/organization.model.ts'
import { TariffVersion } from '../models/tariff-version.model.ts'
import type { Nano } from '../pricing/money.ts'
import type { JobView, Receipt } from './job-view.ts'
import { requireMember } from './team-billing.manager.ts'

/** How long the sweep lets a new job's first queue job be, in milliseconds: its enqueue follows right after. */
const FIRST_CHECK_MS = 5_000

/** A job as it is to be stored; `text` is normalised, the agents of `steps` are known. */
export interface NewJob {
  readonly organizationId: string
  readonly userId: string | null
  readonly externalId: string | null
  /** One job per organisation and key: submitted again, the first one comes back. */
  readonly key: string | null
  readonly text: string | null
  readonly steps: readonly (readonly string[])[]
  readonly maxCost: Nano | null
  readonly runner: 'pipeline' | 'own'
}

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
    const id = newId()
    const first = input.runner === 'pipeline'
    const job = em.create(Job, {
      id,
      ...(this.#clock === systemClock ? {} : { createdAt: this.#clock.now() }),
      organizationId: input.organizationId,
      userId: input.userId,
      externalId: input.externalId,
      submitKey: input.key,
      submitHash: input.key === null ? null : fingerprint(input),
      runner: input.runner,
      state: 'queued',
      stage: 'input',
      steps: input.steps,
      maxCost: input.maxCost,
      tariffVersionId: null,
      periodStart: null,
      rejection: null,
      failure: null,
      parkedAt: null,
      expiresAt: null,
      admittedAt: null,
      finishedAt: null,
    })
    if (input.text !== null) em.create(JobText, { jobId: id, text: input.text })
    const rows = stagesOf(input.steps).map(({ stage, position }) => {
      const due = first && stage === 'input'
      const row = { jobId: id, stage, position, state: 'waiting' as const, delivery: due ? 1 : 0 }
      const checkAt = due ? new Date(this.#clock.now().getTime() + FIRST_CHECK_MS) : null
      return em.create(JobStage, { ...row, ...UNTOUCHED, checkAt })
    })
    await em.flush()
    const stages = [{ stage: 'input', delivery: 1 }]
    return {
      id,
      // As it was stored: reading it again would cost more than storing it.
      view: toView(job, { organization, stages: rows, version: null, hold: null }),
      first: first ? { jobId: id, organizationId: input.organizationId, generation: 0, stages, parent: null } : null,
    }
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

const UNTOUCHED = {
  bound: null,
  grants: null,
  usage: null,
  lines: null,
  result: null,
  claimId: null,
  claimedUntil: null,
  finishedAt: null,
} as const

/** The stages of a job as they are always shown: the input, each step's agents side by side by name, the output. */
function stagesOf(steps: readonly (readonly string[])[]): readonly { stage: string; position: number }[] {
  const agents = steps.flatMap((step, index) =>
    step.toSorted().map((key) => ({ stage: `agent.${key}`, position: index + 1 })),
  )
  return [{ stage: 'input', position: 0 }, ...agents, { stage: 'output', position: steps.length + 1 }]
}

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

/** A hash of what was submitted: the same key with other contents is a mistake that must be told. */
function fingerprint({ userId, externalId, text, steps, maxCost }: NewJob): string {
  const contents = JSON.stringify([userId, externalId, text, steps, maxCost?.toString() ?? null])
  return createHash('sha256').update(contents).digest('hex')
}
