import type { Queue } from 'bullmq'
import { afterAll, afterEach, beforeAll, beforeEach, vi } from 'vitest'
import type { BackendKind, QueueBackend } from '../../src/queues/backends.ts'
import type { Delivery, Outcome, Processors } from '../../src/queues/delivery.ts'
import { createWorkers, type Workers } from '../../src/queues/processing.ts'
import { createQueues, type Queues } from '../../src/queues/queues.ts'
import { openBackend, type QueueServer, quiet, startQueueServer } from './queue-servers.ts'

export const charged: Outcome = { kind: 'charged', label: '3 tokens · charged 0.01 USD' }

/** Waits until the assertion holds. */
export const until = (check: () => Promise<void>, timeoutMs = 10_000) =>
  vi.waitFor(check, { timeout: timeoutMs, interval: 25 })

/** A delivery of the organisation `acme`. */
export const stage = (jobId: string, name: string, delivery = 0) => ({
  jobId,
  stage: name,
  delivery,
  organizationId: 'acme',
})

export const probe = (jobId: string, name: string, delivery = 0, children: readonly string[] = []) => ({
  jobId,
  stage: name,
  delivery,
  children,
})

/** Empty queues on a real server, and workers that are closed after each test. */
export interface QueueBench {
  server(): QueueServer
  queues(): Queues
  queue(name: string): Queue
  /** What the processors of this test saw, in order. */
  seen: string[]
  /** Starts workers; a queue without a processor of its own notes its stage and is charged. */
  work(given?: Partial<Processors>): Workers
}

export function useQueues(kind: BackendKind): QueueBench {
  let server: QueueServer
  let backend: QueueBackend
  let queues: Queues
  const workers: Workers[] = []
  beforeAll(async () => {
    server = await startQueueServer(kind)
  })
  afterAll(() => server.end())
  beforeEach(async () => {
    backend = openBackend(server)
    queues = createQueues(backend, { keepCompleted: 5, logger: quiet })
    for (const queue of queues.boardQueues()) {
      await queue.obliterate({ force: true })
      await queue.resume()
    }
    bench.seen = []
  })
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((each) => each.close(2_000)))
    await queues.close()
  })
  const bench: QueueBench = {
    seen: [],
    server: () => server,
    queues: () => queues,
    queue(name) {
      const found = queues.boardQueues().find((each) => each.name === name)
      if (found === undefined) throw new Error(`no queue ${name}`)
      return found
    },
    work(given = {}) {
      const started = createWorkers(backend, { ...noting(bench), ...given }, { concurrency: 4, logger: quiet })
      workers.push(started)
      return started
    },
  }
  return bench
}

/** Processors that note what they see and charge it. */
export function noting(notes: { seen: string[] }): Processors {
  const note = async ({ data }: Delivery): Promise<Outcome> => {
    notes.seen.push('stage' in data ? data.stage : data.task)
    return charged
  }
  return {
    'pipeline.input': note,
    'pipeline.agent': note,
    'pipeline.output': note,
    'billing.rejected-for-balance': note,
    'billing.maintenance': async () => ({ kind: 'ended' }),
  }
}
