import { openQueuePool } from '../../src/database/pool.ts'
import { newId } from '../../src/foundation/ids.ts'
import { createLogger } from '../../src/foundation/logger.ts'
import { createQueueBackend } from '../../src/queues/backends.ts'
import type { Outcome, Processors } from '../../src/queues/delivery.ts'
import { createWorkers } from '../../src/queues/processing.ts'
import { secondsOf } from '../statistics.ts'
import { gatheredAdds, type NoOpAdds, plainAdds } from './no-op-adds.ts'
import { CONCURRENCY, QUEUE_POOL_MAX, type QueueOf } from './queue-terms.ts'
import { firstOf, nextOf, type Shape } from './shapes.ts'

const ORGANIZATION = 'nobody'
const DONE: Outcome = { kind: 'charged', label: 'nothing was done' }

/**
 * The same queue jobs through the same queues and workers, doing nothing: what the queue itself allows.
 * @param how `plain`: each stage adds the next one, and the queue keeps what is done, as BullMQ's documentation shows it;
 *   the reference, which does not move with the product. `gathered`: by the product's own queue layer, for comparison
 * @returns jobs per second, from all of them being put into the queue to the last one's output
 */
export async function measureNoOp(
  { appUrl, redisUrl }: QueueOf,
  shape: Shape,
  count: number,
  how: 'plain' | 'gathered',
): Promise<number> {
  const logger = createLogger('error')
  const pool = openQueuePool(appUrl, QUEUE_POOL_MAX)
  const backend =
    redisUrl === null
      ? createQueueBackend({ kind: 'postgres', pool, logger })
      : createQueueBackend({ kind: 'redis', url: redisUrl, logger })
  const adds = how === 'plain' ? plainAdds(backend) : gatheredAdds(backend, logger)
  const finished = Promise.withResolvers<void>()
  let left = count
  const processors = passingOn(shape, adds, () => {
    left -= 1
    if (left === 0) finished.resolve()
  })
  const workers = createWorkers(backend, processors, { concurrency: CONCURRENCY, logger })
  try {
    await workers.ready()
    const jobs = Array.from({ length: count }, () => ({ jobId: newId(), organizationId: ORGANIZATION }))
    const seconds = await secondsOf(async () => {
      await adds.addAll(jobs.map(firstOf))
      await finished.promise
    })
    return count / seconds
  } finally {
    await workers.close(1_000)
    await adds.drain()
    await backend.close()
    await pool.end()
  }
}

function passingOn(shape: Shape, adds: NoOpAdds, finish: () => void): Processors {
  const stage = async ({ data }: { readonly data: { readonly jobId: string; readonly stage: string } }) => {
    const next = nextOf({ jobId: data.jobId, organizationId: ORGANIZATION }, data.stage, shape)
    if (next !== null) await adds.add(next)
    if (data.stage === 'output') finish()
    return DONE
  }
  return {
    'pipeline.input': stage,
    'pipeline.agent': stage,
    'pipeline.output': stage,
    'billing.rejected-for-balance': async () => DONE,
    'billing.maintenance': async () => DONE,
  }
}
