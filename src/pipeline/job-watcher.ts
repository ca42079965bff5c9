import { setTimeout as sleep } from 'node:timers/promises'
import type { Notifications } from '../database/notifications.ts'
import type { JobView } from '../managers/job-view.ts'

/** How often a waiter looks for itself, in milliseconds, should a notice be lost. */
const LOOK_MS = 500

/** Waits for our own rows: a notice behind the money transaction wakes it, its own look is the fallback. */
export class JobWatcher {
  readonly #notifications: Notifications
  readonly #find: (jobId: string) => Promise<JobView>

  constructor(notifications: Notifications, find: (jobId: string) => Promise<JobView>) {
    this.#notifications = notifications
    this.#find = find
  }

  /** Every state of a job that it sees, from now until `done` says so. Each is read from its row. */
  async *watch(jobId: string, done: (job: JobView) => boolean, signal?: AbortSignal): AsyncGenerator<JobView> {
    let wake: (() => void) | undefined
    let noticed = false
    const stop = this.#notifications.on('tollkeeper_jobs', (changed) => {
      if (!changed.includes(jobId)) return
      noticed = true
      wake?.()
    })
    try {
      for (;;) {
        noticed = false
        const job = await this.#find(jobId)
        yield job
        if (done(job)) return
        signal?.throwIfAborted()
        if (noticed) continue
        const notice = Promise.withResolvers<void>()
        wake = notice.resolve
        await Promise.race([notice.promise, sleep(LOOK_MS)])
      }
    } finally {
      stop()
    }
  }

  /** The job as it is when `done` says so. */
  async until(jobId: string, done: (job: JobView) => boolean, signal?: AbortSignal): Promise<JobView> {
    let last: JobView | undefined
    for await (const job of this.watch(jobId, done, signal)) last = job
    return last ?? this.#find(jobId)
  }
}
