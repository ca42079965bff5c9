import type pg from 'pg'
import type { Logger } from '../foundation/logger.ts'
import { listOf } from './money/array-literal.ts'
import { ask, statement } from './money/statements.ts'

const ANNOUNCE = statement('announce')

/** A notice has 8,000 bytes at most, and a job's id with its comma 37. */
const JOBS_PER_NOTICE = 200
/** Jobs that wait to be named while the database does not answer; what is beyond them is looked for by its listeners. */
const JOBS_MAX = 10_000

/**
 * Tells whoever waits for a job that it has changed, behind the COMMIT of the money transaction. Not in it: of all the
 * transactions of a server that notify, PostgreSQL stores one at a time, and each would wait for the disk writes of the
 * others. A notice that is lost is made up for by its listeners' own looks.
 */
export class JobNotices {
  readonly #pool: pg.Pool
  readonly #logger: Logger
  #waiting: string[] = []
  #sending: Promise<void> | undefined

  constructor(pool: pg.Pool, logger: Logger) {
    this.#pool = pool
    this.#logger = logger
  }

  /** Returns at once; those that are named while a notice is under way share the next. */
  announce(jobIds: readonly string[]): void {
    if (jobIds.length === 0) return
    this.#waiting = this.#waiting.concat(jobIds).slice(-JOBS_MAX)
    this.#sending ??= this.#send()
  }

  /** Resolves when all that were announced are told. */
  async drain(): Promise<void> {
    await this.#sending
  }

  async #send(): Promise<void> {
    while (this.#waiting.length > 0) {
      const jobIds = this.#waiting
      this.#waiting = []
      const notices: string[] = []
      for (let from = 0; from < jobIds.length; from += JOBS_PER_NOTICE) {
        notices.push(jobIds.slice(from, from + JOBS_PER_NOTICE).join())
      }
      try {
        await ask(this.#pool, ANNOUNCE, [listOf(notices)])
      } catch (error) {
        this.#logger.debug({ reason: String(error) }, 'changed jobs are not announced; who waits for them looks')
      }
    }
    // In the turn in which nothing waits any more: whoever comes later begins anew.
    this.#sending = undefined
  }
}
