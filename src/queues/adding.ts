import type { FlowJob, FlowProducer, Queue } from 'bullmq'
import { failpoint } from '../foundation/failpoint.ts'
import { AGENT_KEY, UUID } from '../foundation/ids.ts'
import { invariant } from '../foundation/invariant.ts'
import type { BackendProfile } from './backends.ts'
import { jobOptions, type QueueName, queueOfStage } from './catalogue.ts'

/** One deliberate delivery of a stage. `delivery` numbers them, since BullMQ silently ignores an id that it still knows. */
export interface StageDelivery {
  readonly jobId: string
  readonly stage: string
  readonly delivery: number
  readonly organizationId: string
}

export type DeliveryKey = Pick<StageDelivery, 'jobId' | 'stage' | 'delivery'>

/**
 * Agents and, behind them, the stage that runs when all of them are done. All carry the same delivery: an old child never
 * gets a new parent (it would wait for ever). A child that fails for good fails the parent, without our code.
 */
export interface StageFlow {
  readonly parent: StageDelivery
  readonly children: readonly StageDelivery[]
}

/** How stages come into the queue; a delivery that was added before is left as it is. */
export interface Adding {
  /** Gathered: together, or per queue where there are many. */
  enqueueStages(items: readonly StageDelivery[]): Promise<void>
  enqueueFlows(flows: readonly StageFlow[]): Promise<void>
}

/** Runs one piece of work against the queue, for a limited time. */
export type QueueCall = <T>(what: string, work: () => Promise<T>) => Promise<T>

const ENQUEUE_AT_ONCE = 500
const FLOWS_AT_ONCE = 100

export function createAdding({
  queues,
  flows: producer,
  profile,
  keepCompleted,
  call,
}: {
  readonly queues: Readonly<Record<QueueName, Queue>>
  readonly flows: FlowProducer
  readonly profile: BackendProfile
  readonly keepCompleted: number
  readonly call: QueueCall
}): Adding {
  const toQueueJob = (item: StageDelivery) => {
    const name = queueOfStage(item.stage)
    return {
      queueName: name,
      name: `${item.organizationId} · ${item.stage}`,
      data: { jobId: item.jobId, stage: item.stage },
      opts: { ...jobOptions(name, keepCompleted), jobId: stageDeliveryId(item) },
    }
  }
  const toFlow = ({ parent, children }: StageFlow) => {
    invariant(children.length > 0, 'a flow has children')
    const deliveries = new Set([parent, ...children].map((item) => item.delivery))
    invariant(deliveries.size === 1, 'all members of a flow carry the same delivery')
    const members = children
      .map(toQueueJob)
      .map((job) => ({ ...job, opts: { ...job.opts, failParentOnFailure: true } }))
    return { ...toQueueJob(parent), children: members }
  }
  return {
    async enqueueStages(items) {
      failpoint('enqueue.before')
      const jobs = items.map(toQueueJob)
      if (jobs.length <= profile.addsAsFlows) {
        await call('take stages', () => producer.addBulk(jobs))
        return
      }
      for (const [name, ofQueue] of Map.groupBy(jobs, (job) => job.queueName)) {
        for (const slice of chunks(ofQueue, ENQUEUE_AT_ONCE)) {
          await call('take stages', () => queues[name].addBulk(slice))
        }
      }
    },
    async enqueueFlows(flows) {
      failpoint('enqueue.before')
      for (const trees of chunks(flows.map(toFlow), FLOWS_AT_ONCE)) {
        const together = profile.addsAsFlows > 0
        await call('take steps of agents', () => (together ? producer.addBulk(trees) : addEach(producer, trees)))
      }
    },
  }
}

/** In one go, each with its own answer. */
function addEach(producer: FlowProducer, trees: readonly FlowJob[]): Promise<unknown> {
  return Promise.all(trees.map((tree) => producer.add(tree)))
}

export function stageDeliveryId({ jobId, stage, delivery }: DeliveryKey): string {
  invariant(UUID.test(jobId), `a job id is a UUID, not ${jobId}`)
  const agent = stage.startsWith('agent.') ? stage.slice('agent.'.length) : undefined
  const known = agent === undefined ? stage === 'input' || stage === 'output' : AGENT_KEY.test(agent)
  invariant(known, `a stage is input, output or agent.<key>, not ${stage}`)
  invariant(Number.isSafeInteger(delivery) && delivery >= 0, 'a delivery is a count')
  return `${jobId}.${stage}.${delivery}`
}

export function* chunks<T>(items: readonly T[], size: number): Generator<T[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size)
}
