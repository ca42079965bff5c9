import { createHash } from 'node:crypto'
import { rejectionFromJson } from '../database/money/rows.ts'
import { currentStage } from '../ledger/delivery.ts'
import type { Failure } from '../ledger/facts.ts'
import type { Hold } from '../models/hold.model.ts'
import type { Job } from '../models/job.model.ts'
import type { JobStage } from '../models/job-stage.model.ts'
import type { Organization } from '../models/organization.model.ts'
import type { TariffVersion } from '../models/tariff-version.model.ts'
import type { Nano } from '../pricing/money.ts'
import type { JobView } from './job-view.ts'

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
  /** What the key stands for beside the job itself, such as the whole list that it came in. */
  readonly request?: string
}

/** The row of a job that nothing has happened to yet. */
export function toJobRow(id: string, input: NewJob, createdAt: Date | null) {
  return {
    id,
    ...(createdAt === null ? {} : { createdAt }),
    organizationId: input.organizationId,
    userId: input.userId,
    externalId: input.externalId,
    submitKey: input.key,
    submitHash: input.key === null ? null : fingerprint(input),
    runner: input.runner,
    state: 'queued' as const,
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
  }
}

/** The stages of a new job in their order: the input, each step's agents side by side, the output. @param now epoch ms */
export function toStageRows(jobId: string, { steps, runner }: NewJob, now: number) {
  const agents = steps.flatMap((step, index) => step.map((key) => ({ stage: `agent.${key}`, position: index + 1 })))
  const all = [{ stage: 'input', position: 0 }, ...agents, { stage: 'output', position: steps.length + 1 }]
  return all.map(({ stage, position }) => {
    const due = runner === 'pipeline' && stage === 'input'
    const checkAt = due ? new Date(now + FIRST_CHECK_MS) : null
    return { jobId, stage, position, state: 'waiting' as const, delivery: due ? 1 : 0, ...UNTOUCHED, checkAt }
  })
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

/** A hash of what was submitted: the same key with other contents is a mistake that must be told. */
export function fingerprint({ userId, externalId, text, steps, maxCost, request }: NewJob): string {
  const asked = [userId, externalId, text, steps, maxCost?.toString() ?? null]
  const contents = JSON.stringify(request === undefined ? asked : [...asked, request])
  return createHash('sha256').update(contents).digest('hex')
}

/** A job's row repeats this only when the job rests; its stages always know. */
export function chargedOf(stages: readonly JobStage[]): Nano {
  return stages.reduce((sum, { charged }) => sum + charged, 0n)
}

/** What a job's row does not know of it; its stages in their order. */
interface RowsOfJob {
  readonly organization: Organization | null
  readonly version: TariffVersion | null
  readonly stages: readonly JobStage[]
  readonly hold: Hold | null
}

export function toView(job: Job, { organization, version, stages, hold }: RowsOfJob): JobView {
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
