import { setTimeout as pause } from 'node:timers/promises'
import type { Job, Worker } from 'bullmq'
import { invariant } from '../foundation/invariant.ts'
import type { Logger } from '../foundation/logger.ts'
import { type Meters, NO_METERS } from '../foundation/meters.ts'
import type { QueueBackend } from './backends.ts'
import { MAINTENANCE_QUEUE, QUEUE_NAMES, type QueueName, WORKER_TUNING } from './catalogue.ts'
import { type Processor, type Processors, runDelivery } from './delivery.ts'
import { Suspects } from './suspects.ts'
import { Trimming } from './trimming.ts'

export interface WorkersOptions {
  /** Queue jobs at once, per queue of this process. */
  readonly concurrency: number
  readonly logger: Logger
  readonly meters?: Pick<Meters, 'queueWaited'>
}

export interface Workers {
  /** Resolves when every worker listens. Not needed for work to be done, only to measure or to answer "ready". */
  ready(): Promise<void>
  /** Whether every worker takes work. */
  running(): boolean
  /**
   * Takes no more work, lets what runs finish for `graceMs`, then tells it to stop and gives the rest back to the queue,
   * where another worker takes it at once. Again is harmless.
   */
  close(graceMs: number): Promise<void>
}

/** After the grace, a run that heeds its signal gets this long to end by itself. */
const STOP_MS = 500

interface Running {
  readonly job: Job
  readonly token: string
}

/** Starts one worker per queue. */
export function createWorkers(backend: QueueBackend, processors: Processors, options: WorkersOptions): Workers {
  const suspects = new Suspects()
  const crews = QUEUE_NAMES.map((name) =>
    startCrew(name, backend, processors[name] as Processor<QueueName>, { ...options, suspects }),
  )
  let closing: Promise<void> | undefined
  return {
    async ready() {
      await Promise.all(crews.map((crew) => crew.worker.waitUntilReady()))
    },
    running: () => closing === undefined && crews.every((crew) => crew.worker.isRunning()),
    close(graceMs) {
      closing ??= Promise.all(crews.map((crew) => crew.close(graceMs))).then(() => undefined)
      return closing
    },
  }
}

interface Crew {
  readonly worker: Worker
  close(graceMs: number): Promise<void>
}

function startCrew(
  name: QueueName,
  backend: QueueBackend,
  processor: Processor<QueueName>,
  { suspects, meters = NO_METERS, ...options }: WorkersOptions & { readonly suspects: Suspects },
): Crew {
  const running = new Set<Running>()
  const trimming = new Trimming()
  let goingDown = false
  // BullMQ passes a signal only to a function that declares three plain parameters.
  const run = async (job: Job, token: string | undefined, signal: AbortSignal | undefined) => {
    invariant(token !== undefined && signal !== undefined, 'BullMQ gives each run a token and a signal')
    const entry = { job, token }
    running.add(entry)
    if (job.attemptsStarted === 1) meters.queueWaited(name, Math.max(0, Date.now() - job.timestamp) / 1_000)
    try {
      const inTurn: typeof processor = (delivery, stop) =>
        suspects.run(job.stalledCounter, stop, () => processor(delivery, stop))
      return await runDelivery(name, job, inTurn, { token, signal, goingDown: () => goingDown, trimming })
    } finally {
      running.delete(entry)
    }
  }
  const worker = backend.newWorker(name, run, {
    ...WORKER_TUNING,
    concurrency: name === MAINTENANCE_QUEUE ? 1 : options.concurrency,
  })
  worker.on('lockRenewalFailed', (ids) => {
    // Another worker may hold it by now; whatever this run does next meets the stage's key, but it should stop paying.
    for (const id of ids) worker.cancelJob(id, 'the queue job was taken over')
  })
  worker.on('stalled', (id) =>
    options.logger.warn({ queue: name, queueJob: id }, 'queue job of a lost worker runs again'),
  )
  worker.on('failed', (job, error) =>
    options.logger.info({ queue: name, queueJob: job?.id, reason: error.message }, 'queue job failed'),
  )
  return {
    worker,
    async close(graceMs) {
      const closed = worker.close()
      if (await settlesWithin(closed, graceMs)) return
      goingDown = true
      worker.cancelAllJobs('this process goes down')
      if (await settlesWithin(closed, STOP_MS)) return
      options.logger.warn({ queue: name, queueJobs: running.size }, 'given back to the queue after the grace')
      await Promise.allSettled([...running].map(({ job, token }) => job.moveToWait(token)))
      await backend.abandonWorker(worker)
    },
  }
}

async function settlesWithin(work: Promise<void>, timeoutMs: number): Promise<boolean> {
  const giveUp = new AbortController()
  const late = pause(timeoutMs, false, { signal: giveUp.signal }).catch(() => false)
  const done = await Promise.race([work.then(() => true), late])
  giveUp.abort()
  return done
}
