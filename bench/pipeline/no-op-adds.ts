import type { Queue } from 'bullmq'
import { invariant } from '../../src/foundation/invariant.ts'
import type { Logger } from '../../src/foundation/logger.ts'
import type { Delivery } from '../../src/ledger/calls.ts'
import { Outbox } from '../../src/pipeline/outbox.ts'
import type { QueueBackend } from '../../src/queues/backends.ts'
import { jobOptions, QUEUE_NAMES, type QueueName, queueOfStage } from '../../src/queues/catalogue.ts'
import { createQueues } from '../../src/queues/queues.ts'
import { KEEP_COMPLETED } from './queue-terms.ts'

/** How a job that does nothing comes to its next stage. */
export interface NoOpAdds {
  /** All jobs at once, before any has begun. */
  addAll(deliveries: readonly Delivery[]): Promise<void>
  add(delivery: Delivery): Promise<void>
  drain(): Promise<void>
}

/** By the product's own layer: gathered adds, and queues that are trimmed now and then. */
export function gatheredAdds(backend: QueueBackend, logger: Logger): NoOpAdds {
  const outbox = new Outbox(createQueues(backend, { keepCompleted: KEEP_COMPLETED, logger }), logger)
  return {
    addAll: (deliveries) => outbox.push(deliveries),
    add: (delivery) => outbox.push([delivery]),
    drain: () => outbox.drain(),
  }
}

/** By BullMQ alone: one add per stage or step, and as many kept as the product keeps, by BullMQ's own option. */
export function plainAdds(backend: QueueBackend): NoOpAdds {
  const queues = Object.fromEntries(QUEUE_NAMES.map((name) => [name, backend.newQueue(name)])) as Record<
    QueueName,
    Queue
  >
  const flows = backend.newFlowProducer()
  return {
    async addAll(deliveries) {
      await queues['pipeline.input'].addBulk(deliveries.flatMap(({ jobId, stages }) => stages.map(toQueueJob(jobId))))
    },
    async add({ jobId, stages, parent }) {
      const jobs = stages.map(toQueueJob(jobId))
      if (parent !== null) {
        await flows.add({ ...toQueueJob(jobId)(parent), children: jobs })
        return
      }
      const [job, ...others] = jobs
      invariant(job !== undefined && others.length === 0, 'without a parent there is one next stage')
      await queues[job.queueName].add(job.name, job.data, job.opts)
    },
    async drain() {},
  }
}

const toQueueJob =
  (jobId: string) =>
  ({ stage, delivery }: Delivery['stages'][number]) => {
    const queueName = queueOfStage(stage)
    const opts = { ...jobOptions(queueName, KEEP_COMPLETED), removeOnComplete: KEEP_COMPLETED }
    return {
      queueName,
      name: stage,
      data: { jobId, stage },
      opts: { ...opts, jobId: `${jobId}.${stage}.${delivery}` },
    }
  }
