import { z } from 'zod'
import { UUID } from '../foundation/ids.ts'

/**
 * What a queue job carries: two pointers into our tables and nothing else, since PostgreSQL is the truth and an edited
 * or injected queue job must do no harm. Unknown fields are refused.
 */
const stagePayload = z.strictObject({
  jobId: z.string().regex(UUID, 'must be a lower-case UUID'),
  stage: z.string().regex(/^(input|output|agent\.[a-z][a-z0-9-]{0,31})$/, 'must be input, output or agent.<key>'),
})

const maintenancePayload = z.strictObject({ task: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/) })

/**
 * Stages are retried three times: what a provider or a connection does not mend within some seconds is given back to the
 * customer as a failed job (nothing charged). 1 s, then 2 s, halved at random, so that an outage's victims come back spread.
 */
const STAGE_RETRY = { attempts: 3, backoff: { type: 'exponential', delay: 1_000, jitter: 0.5 } } as const
/** A card that could not be read is tried for longer (about half a minute): nothing but its sentence depends on it. */
const CARD_RETRY = { attempts: 6, backoff: { type: 'exponential', delay: 1_000, jitter: 0.5 } } as const

/** Failed stages that stay on the board, per queue, for a look at their reason; the jobs table is the record. */
const KEEP_FAILED = 1_000

/**
 * Every queue: its payload, how often it is tried, what stays on the board, and its group there. Adding a line here makes
 * the workers' registry a compile error until it has a processor.
 */
export const CATALOGUE = {
  'pipeline.input': { group: 'pipeline', payload: stagePayload, retry: STAGE_RETRY, keepFailed: KEEP_FAILED },
  'pipeline.agent': { group: 'pipeline', payload: stagePayload, retry: STAGE_RETRY, keepFailed: KEEP_FAILED },
  'pipeline.output': { group: 'pipeline', payload: stagePayload, retry: STAGE_RETRY, keepFailed: KEEP_FAILED },
  // A parked job's card goes when the job is resumed, expired or cancelled, never by age or number.
  'billing.rejected-for-balance': { group: 'billing', payload: stagePayload, retry: CARD_RETRY, keepFailed: 'all' },
  'billing.maintenance': { group: 'billing', payload: maintenancePayload, retry: CARD_RETRY, keepFailed: 100 },
} as const

export type QueueName = keyof typeof CATALOGUE
export type PipelineQueueName = Extract<QueueName, `pipeline.${string}`>
export type QueuePayload<Name extends QueueName> = z.infer<(typeof CATALOGUE)[Name]['payload']>

export const QUEUE_NAMES = Object.keys(CATALOGUE) as readonly QueueName[]
export const CARD_QUEUE = 'billing.rejected-for-balance' satisfies QueueName
export const MAINTENANCE_QUEUE = 'billing.maintenance' satisfies QueueName

/**
 * How a worker holds a queue job. A killed worker's job must go on in less than 10 s: its lock ends after at most 5 s and
 * the next check for stalled jobs comes within 1.5 s. A living worker renews after at most 1.5 s, so that its event loop
 * may lag for 3.5 s before its job is taken from it (we promise 1 s).
 */
export const WORKER_TUNING = {
  lockDuration: 5_000,
  lockRenewTime: 1_500,
  stalledInterval: 1_500,
  /** The default 1 fails a job at its second stall; five starts are ours to count, in PostgreSQL, where a kill cannot lose them. */
  maxStalledCount: 5,
  /** Seconds that an idle worker listens before it asks again: what a lost notification can cost. */
  drainDelay: 5,
  /** After a refused connection; the default of 15 s would leave a healed queue idle for that long. */
  runRetryDelay: 1_000,
} as const

/** The queue that works on a stage: `input`, `agent.<key>` or `output`. */
export function queueOfStage(stage: string): PipelineQueueName {
  if (stage === 'input') return 'pipeline.input'
  return stage === 'output' ? 'pipeline.output' : 'pipeline.agent'
}

/** BullMQ's options of a new queue job. The stack is cut to one attempt: a 5 MB error must not be stored three times. */
export function jobOptions(name: QueueName, keepCompleted: number) {
  const { retry, keepFailed } = CATALOGUE[name]
  return {
    ...retry,
    removeOnComplete: keepCompleted === 0 ? true : { count: keepCompleted },
    removeOnFail: keepFailed === 'all' ? false : { count: keepFailed },
    stackTraceLimit: 1,
  }
}
