import type { Queue } from 'bullmq'
import type { Logger } from '../foundation/logger.ts'
import { type Adding, chunks, createAdding, type DeliveryKey, type QueueCall, stageDeliveryId } from './adding.ts'
import type { QueueBackend } from './backends.ts'
import { BACKENDS } from './backends.ts'
import { type Cards, createCards } from './cards.ts'
import { CARD_QUEUE, jobOptions, MAINTENANCE_QUEUE, QUEUE_NAMES, type QueueName, queueOfStage } from './catalogue.ts'
import { QUEUE_TIMEOUT_MS, withinTimeout } from './outage.ts'

type StatesOf = (items: readonly DeliveryKey[]) => Promise<readonly string[]>

export interface StageProbe extends DeliveryKey {
  /** The agents that it came along with as the parent of a flow, and may rightly wait for; empty for any other stage. */
  readonly children: readonly string[]
}

/**
 * `live`: the queue still owes us a run of this delivery. `ended`: it does not, whatever became of it. A parent that waits
 * for children of which none is live waits for ever.
 */
export type Liveness = 'live' | 'ended'

/** What the pipeline asks of the queue. Each call ends within about 3 s for a dead queue, with UnavailableError. */
export interface Queues extends Adding, Cards {
  readonly names: readonly QueueName[]
  /** How long a rush of new jobs should be gathered before it is added, in milliseconds; 0: not at all. */
  readonly rushPauseMs: number
  /** In the order of `items`. */
  liveness(items: readonly StageProbe[]): Promise<Liveness[]>
  /** Takes deliveries away that newer ones stand for now. One that runs, or is unknown, is passed over. */
  dropStages(items: readonly DeliveryKey[]): Promise<void>
  /** Shows the newest run of a maintenance task, as one card per task that says when and what. */
  recordMaintenance(run: { readonly task: string; readonly summary: string }): Promise<void>
  /** For Bull Board, which wants BullMQ's own queues; nobody else adds to them. */
  boardQueues(): readonly Queue[]
  ping(): Promise<void>
  /** How many queue jobs each queue has, by state. */
  depths(): Promise<readonly QueueDepth[]>
  close(): Promise<void>
}

export interface QueueDepth {
  readonly queue: QueueName
  readonly counts: Readonly<Record<string, number>>
}

export interface QueuesOptions {
  /** Charged queue jobs that stay on the board, per queue. */
  readonly keepCompleted: number
  readonly logger: Logger
}

/** A task that has not run for this long loses its card: it says no more than that it once ran. */
const MAINTENANCE_SHOWN_MS = 60_000

export function createQueues(backend: QueueBackend, options: QueuesOptions): Queues {
  const queues = Object.fromEntries(QUEUE_NAMES.map((name) => [name, backend.newQueue(name)])) as Record<
    QueueName,
    Queue
  >
  const flows = backend.newFlowProducer()
  const profile = BACKENDS[backend.kind]
  const reachable = () => backend.reachable(QUEUE_TIMEOUT_MS)
  const call: QueueCall = (what, work) =>
    withinTimeout(what, async () => {
      await reachable()
      return work()
    })
  return {
    ...createAdding({ queues, flows, profile, keepCompleted: options.keepCompleted, call }),
    ...createCards(queues[CARD_QUEUE], reachable),
    ...createProbes(queues, profile.lookupsAtOnce, call),
    names: QUEUE_NAMES,
    rushPauseMs: profile.rushPauseMs,
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
    depths: () => call('count', () => countEach(queues)),
    close: () => backend.close(),
  }
}

const COUNTED = ['waiting', 'active', 'delayed', 'waiting-children', 'failed', 'completed'] as const

/** One after the other: nobody waits for these figures. */
async function countEach(queues: Readonly<Record<QueueName, Queue>>): Promise<readonly QueueDepth[]> {
  const depths: QueueDepth[] = []
  for (const queue of QUEUE_NAMES) depths.push({ queue, counts: await queues[queue].getJobCounts(...COUNTED) })
  return depths
}

/** How the sweep looks at deliveries, and takes away what it replaced. */
function createProbes(
  queues: Readonly<Record<QueueName, Queue>>,
  atOnce: number,
  call: QueueCall,
): Pick<Queues, 'liveness' | 'dropStages'> {
  const statesOf: StatesOf = async (items) => {
    const states: string[] = []
    for (const slice of chunks(items, atOnce)) {
      const look = (item: DeliveryKey) => queues[queueOfStage(item.stage)].getJobState(stageDeliveryId(item))
      states.push(...(await call('tell a state', () => Promise.all(slice.map(look)))))
    }
    return states
  }
  return {
    async liveness(items) {
      const states = await statesOf(items)
      const waits = items.filter(({ children }, index) => children.length > 0 && states[index] === 'waiting-children')
      const live = new Set(await parentsWithLiveChildren(waits, statesOf))
      return items.map((item, index) => (LIVE_STATES.has(states[index] ?? '') || live.has(item) ? 'live' : 'ended'))
    },
    async dropStages(items) {
      for (const slice of chunks(items, atOnce)) {
        // Its children are deliveries of their own: one that still runs must not lose its queue job.
        const drop = (item: DeliveryKey) =>
          queues[queueOfStage(item.stage)].remove(stageDeliveryId(item), { removeChildren: false })
        await call('drop stages', () => Promise.all(slice.map(drop)))
      }
    },
  }
}

const LIVE_STATES: ReadonlySet<string> = new Set(['waiting', 'prioritized', 'delayed', 'active', 'paused'])

/** Those parents that still have something to wait for. The last child's end and its parent's start are one step. */
async function parentsWithLiveChildren(parents: readonly StageProbe[], statesOf: StatesOf): Promise<StageProbe[]> {
  const children = parents.flatMap(({ jobId, delivery, children: stages }) =>
    stages.map((stage) => ({ jobId, stage, delivery })),
  )
  const states = await statesOf(children)
  const alive = new Set(
    children.flatMap(({ jobId, delivery }, index) =>
      LIVE_STATES.has(states[index] ?? '') ? [`${jobId} ${delivery}`] : [],
    ),
  )
  const lonely = parents.filter(({ jobId, delivery }) => !alive.has(`${jobId} ${delivery}`))
  // A child may have ended between the two looks, and its parent started with it.
  const again = await statesOf(lonely)
  const stuck = new Set(lonely.filter((_, index) => again[index] === 'waiting-children'))
  return parents.filter((parent) => !stuck.has(parent))
}
