import type { Queue } from 'bullmq'
import { failpoint } from '../foundation/failpoint.ts'
import { AGENT_KEY, UUID } from '../foundation/ids.ts'
import { invariant } from '../foundation/invariant.ts'
import type { Logger } from '../foundation/logger.ts'
import type { QueueBackend } from './backends.ts'
import { BACKENDS } from './backends.ts'
import { type Cards, createCards } from './cards.ts'
import { CARD_QUEUE, jobOptions, MAINTENANCE_QUEUE, QUEUE_NAMES, type QueueName, queueOfStage } from './catalogue.ts'
import { QUEUE_TIMEOUT_MS, withinTimeout } from './outage.ts'

/** One deliberate delivery of a stage. `delivery` numbers them, since BullMQ silently ignores an id that it still knows. */
export interface StageDelivery {
  readonly jobId: string
  readonly stage: string
  readonly delivery: number
  readonly organizationId: string
}

export interface StageProbe extends Pick<StageDelivery, 'jobId' | 'stage' | 'delivery'> {
  /** Whether the stage may rightly wait for the agents of the step before it. */
  readonly isParent: boolean
}

/** `live`: the queue still owes us a run of this delivery. `ended`: it does not, whatever became of it. */
export type Liveness = 'live' | 'ended'

/** What the pipeline asks of the queue. Each call ends within about 3 s for a dead queue, with UnavailableError. */
export interface Queues extends Cards {
  readonly names: readonly QueueName[]
  /** Adds stages, gathered per queue; a delivery that was added before is left as it is. */
  enqueueStages(items: readonly StageDelivery[]): Promise<void>
  /**
   * Adds agents and, behind them, the stage that runs when all of them are done. All carry the same delivery: an old child
   * never gets a new parent (it would wait for ever). A child that fails for good fails the parent, without our code.
   */
  enqueueFlow(flow: { readonly parent: StageDelivery; readonly children: readonly StageDelivery[] }): Promise<void>
  /** In the order of `items`. */
  liveness(items: readonly StageProbe[]): Promise<Liveness[]>
  /** Shows the newest run of a maintenance task, as one card per task that says when and what. */
  recordMaintenance(run: { readonly task: string; readonly summary: string }): Promise<void>
  /** For Bull Board, which wants BullMQ's own queues; nobody else adds to them. */
  boardQueues(): readonly Queue[]
  ping(): Promise<void>
  close(): Promise<void>
}

export interface QueuesOptions {
  /** Charged queue jobs that stay on the board, per queue. */
  readonly keepCompleted: number
  readonly logger: Logger
}

/** A task that has not run for this long loses its card: it says no more than that it once ran. */
const MAINTENANCE_SHOWN_MS = 60_000
const ENQUEUE_AT_ONCE = 500

function stageDeliveryId({ jobId, stage, delivery }: Pick<StageDelivery, 'jobId' | 'stage' | 'delivery'>): string {
  invariant(UUID.test(jobId), `a job id is a UUID, not ${jobId}`)
  const agent = stage.startsWith('agent.') ? stage.slice('agent.'.length) : undefined
  const known = agent === undefined ? stage === 'input' || stage === 'output' : AGENT_KEY.test(agent)
  invariant(known, `a stage is input, output or agent.<key>, not ${stage}`)
  invariant(Number.isSafeInteger(delivery) && delivery >= 0, 'a delivery is a count')
  return `${jobId}.${stage}.${delivery}`
}

export function createQueues(backend: QueueBackend, options: QueuesOptions): Queues {
  const queues = Object.fromEntries(QUEUE_NAMES.map((name) => [name, backend.newQueue(name)])) as Record<
    QueueName,
    Queue
  >
  const flows = backend.newFlowProducer()
  const reachable = () => backend.reachable(QUEUE_TIMEOUT_MS)
  const call = <T>(what: string, work: () => Promise<T>) =>
    withinTimeout(what, async () => {
      await reachable()
      return work()
    })
  const toQueueJob = (item: StageDelivery) => {
    const name = queueOfStage(item.stage)
    return {
      queueName: name,
      name: `${item.organizationId} · ${item.stage}`,
      data: { jobId: item.jobId, stage: item.stage },
      opts: { ...jobOptions(name, options.keepCompleted), jobId: stageDeliveryId(item) },
    }
  }
  return {
    ...createCards(queues[CARD_QUEUE], reachable),
    names: QUEUE_NAMES,
    async enqueueStages(items) {
      failpoint('enqueue.before')
      const byQueue = Map.groupBy(items.map(toQueueJob), (job) => job.queueName)
      for (const [name, jobs] of byQueue) {
        for (const slice of chunks(jobs, ENQUEUE_AT_ONCE)) {
          await call('take stages', () => queues[name].addBulk(slice))
        }
      }
    },
    async enqueueFlow({ parent, children }) {
      invariant(children.length > 0, 'a flow has children')
      const deliveries = new Set([parent, ...children].map((item) => item.delivery))
      invariant(deliveries.size === 1, 'all members of a flow carry the same delivery')
      failpoint('enqueue.before')
      const members = children
        .map(toQueueJob)
        .map((job) => ({ ...job, opts: { ...job.opts, failParentOnFailure: true } }))
      await call('take a step of agents', () => flows.add({ ...toQueueJob(parent), children: members }))
    },
    async liveness(items) {
      const answers: Liveness[] = []
      for (const slice of chunks(items, BACKENDS[backend.kind].lookupsAtOnce)) {
        const states = await call('tell a state', () =>
          Promise.all(slice.map((item) => queues[queueOfStage(item.stage)].getJobState(stageDeliveryId(item)))),
        )
        for (const [index, item] of slice.entries()) answers.push(toLiveness(states[index] ?? 'unknown', item.isParent))
      }
      return answers
    },
    async recordMaintenance({ task, summary }) {
      // A delayed card is seen and is neither waiting nor charged; the next run replaces it, a missing run lets it end.
      const id = `${task}.last-run`
      const name = `${task} · ${new Date().toISOString()} · ${summary.slice(0, 200)}`
      const opts = { ...jobOptions(MAINTENANCE_QUEUE, 0), jobId: id, delay: MAINTENANCE_SHOWN_MS }
      const queue = queues[MAINTENANCE_QUEUE]
      await call('show maintenance', async () => {
        await queue.remove(id)
        await queue.add(name, { task }, opts)
      })
    },
    boardQueues: () => Object.values(queues),
    ping: () => call('answer', () => backend.ping()),
    close: () => backend.close(),
  }
}

const LIVE_STATES: ReadonlySet<string> = new Set(['waiting', 'prioritized', 'delayed', 'active', 'paused'])

function toLiveness(state: string, isParent: boolean): Liveness {
  if (state === 'waiting-children') return isParent ? 'live' : 'ended'
  return LIVE_STATES.has(state) ? 'live' : 'ended'
}

function* chunks<T>(items: readonly T[], size: number): Generator<T[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size)
}
