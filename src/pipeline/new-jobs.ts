import { setTimeout as sleep } from 'node:timers/promises'
import type { Delivery } from '../ledger/calls.ts'
import type { Outbox } from './outbox.ts'

/** So many of one moment are a rush: they come faster than they can be worked on. */
const RUSH = 30
/** Enough to share what a bulk costs; more need not wait for company. */
const ENOUGH = 500

/**
 * Puts jobs into the queue behind the answers to whoever submitted them. Nobody waits for that, so that in a rush they are
 * gathered for a moment; the first jobs of a rush, and any that come one by one, go at once. A lost one is the sweep's, as ever.
 */
export class NewJobs {
  readonly #outbox: Pick<Outbox, 'push'>
  readonly #pauseMs: number
  #waiting: Delivery[] = []
  #flushing: Promise<void> | undefined
  #enough: AbortController | undefined
  #draining = false

  /** @param pauseMs how long a rush is gathered, in milliseconds */
  constructor(outbox: Pick<Outbox, 'push'>, pauseMs: number) {
    this.#outbox = outbox
    this.#pauseMs = pauseMs
  }

  push(delivery: Delivery | null): void {
    if (delivery === null) return
    this.#waiting.push(delivery)
    this.#flushing ??= this.#flush()
    if (this.#waiting.length >= ENOUGH) this.#enough?.abort()
  }

  /** Waits until all are in the queue, or left to the sweep; a rush is not gathered any more. */
  async drain(): Promise<void> {
    this.#draining = true
    this.#enough?.abort()
    await this.#flushing
  }

  async #flush(): Promise<void> {
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const batch = this.#waiting
      this.#waiting = []
      await this.#outbox.push(batch)
      if (batch.length > RUSH && this.#pauseMs > 0 && !this.#draining) await this.#gather()
    }
    this.#flushing = undefined
  }

  async #gather(): Promise<void> {
    if (this.#waiting.length >= ENOUGH) return
    this.#enough = new AbortController()
    await sleep(this.#pauseMs, undefined, { signal: this.#enough.signal }).catch(() => undefined)
    this.#enough = undefined
  }
}
