import { createHash } from 'node:crypto'
import { FIRST_CHECK_MS, type NewJobRows } from '../database/submit/new-job-rows.ts'
import { newId } from '../foundation/ids.ts'
import type { Delivery } from '../ledger/calls.ts'
import type { Nano } from '../pricing/money.ts'
import type { JobView } from './job-view.ts'

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

/** The rows of a job that is stored now, under a new id. @param givenTime epoch milliseconds, null for the database's */
export function newJobRows(input: NewJob, givenTime: number | null): NewJobRows {
  const hash = input.key === null ? null : fingerprint(input)
  return { ...input, id: newId(), hash, stages: stagesOf(input), givenTime }
}

/** The row of a job that nothing has happened to yet. */
export function toJobRow({ id, organizationId, userId, externalId, key, hash, runner, ...rest }: NewJobRows) {
  const { steps, maxCost, givenTime } = rest
  return {
    ...{ id, organizationId, userId, externalId, runner, steps, maxCost },
    ...(givenTime === null ? {} : { createdAt: new Date(givenTime) }),
    submitKey: key,
    submitHash: hash,
    state: 'queued' as const,
    stage: 'input',
    ...UNTOUCHED_JOB,
  }
}

/** The rows of its stages. @param now in epoch milliseconds */
export function toStageRows({ id, stages }: NewJobRows, now: number) {
  return stages.map((stage) => {
    const checkAt = stage.delivery > 0 ? new Date(now + FIRST_CHECK_MS) : null
    return { jobId: id, state: 'waiting' as const, ...stage, ...UNTOUCHED_STAGE, checkAt }
  })
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

/** The first queue job, to be added behind the COMMIT; null where a platform runs the stages itself. */
export function firstDelivery({ id, organizationId, runner }: NewJobRows): Delivery | null {
  if (runner === 'own') return null
  const stages = [{ stage: 'input', delivery: 1 }]
  return { jobId: id, organizationId, generation: 0, stages, parent: null }
}

/** A job as its rows were stored: reading them again would cost more than storing them. */
export function newJobView(rows: NewJobRows, createdAt: Date, currency: string): JobView {
  const { id, organizationId, userId, externalId, steps } = rows
  return {
    id,
    organizationId,
    userId,
    externalId,
    state: 'queued',
    stage: 'input',
    steps,
    tariffId: null,
    tariffVersion: null,
    currency,
    held: 0n,
    charged: 0n,
    stages: rows.stages.map(({ stage }) => ({ stage, ...UNTOUCHED })),
    rejection: null,
    failure: null,
    result: null,
    createdAt,
    finishedAt: null,
  }
}

const UNTOUCHED = { state: 'waiting', tokens: 0, charged: 0n, result: null, finishedAt: null } as const

/** The stages of a job as they are always shown: the input, each step's agents side by side by name, the output. */
function stagesOf({ steps, runner }: NewJob): NewJobRows['stages'] {
  const agents = steps.flatMap((step, index) =>
    step.toSorted().map((key) => ({ stage: `agent.${key}`, position: index + 1, delivery: 0 })),
  )
  const input = { stage: 'input', position: 0, delivery: runner === 'pipeline' ? 1 : 0 }
  return [input, ...agents, { stage: 'output', position: steps.length + 1, delivery: 0 }]
}

/** A hash of what was submitted: the same key with other contents is a mistake that must be told. */
function fingerprint({ userId, externalId, text, steps, maxCost, request }: NewJob): string {
  const asked = [userId, externalId, text, steps, maxCost?.toString() ?? null]
  const contents = JSON.stringify(request === undefined ? asked : [...asked, request])
  return createHash('sha256').update(contents).digest('hex')
}
