import type { JobsOptions } from 'bullmq'

/** A queue grows by this part over what it keeps before it is trimmed. */
const SURPLUS = 0.1

/**
 * Which completions of one worker also trim its queue to what it keeps. BullMQ looks through everything that is kept to
 * find what is too much: on PostgreSQL, with 1,000 kept, that costs more than the completion itself, and two that remove
 * at once may deadlock.
 */
export class Trimming {
  #left = 0

  /** Whether this completion trims, by its queue job's own option; the first of a worker does. One kept not at all, too. */
  isDue(kept: JobsOptions['removeOnComplete']): boolean {
    const count = typeof kept === 'object' ? kept.count : undefined
    if (count === undefined) return true
    this.#left -= 1
    if (this.#left > 0) return false
    this.#left = Math.max(1, Math.floor(count * SURPLUS))
    return true
  }
}
