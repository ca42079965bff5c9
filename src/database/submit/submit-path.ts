import { setImmediate as turn } from 'node:timers/promises'
import type pg from 'pg'
import { Lane, type LaneOptions, systemTime } from '../money/lane.ts'
import type { NewJobRows } from './new-job-rows.ts'
import { type SubmitCall, type SubmitVerdict, submitTransaction } from './submit-transaction.ts'

/** What a job weighs beside its text: ids, its agents, and its stages. */
const JOB_BYTES = 500
const STAGE_BYTES = 100

const DEFAULTS: LaneOptions<SubmitCall> = {
  weights: {
    bytesOf: ({ rows: { text, stages } }) => JOB_BYTES + STAGE_BYTES * stages.length + (text?.length ?? 0),
    walks: () => false,
  },
  /**
   * Enough to share a COMMIT among many; 8 MiB are eight of the largest texts in one statement. Behind a batch that is being
   * written another one reads and writes on a second connection: with fewer than eight it waits for company instead.
   */
  batch: { calls: 200, bytes: 8 * 2 ** 20, rows: 200, whole: 64, behind: 8 },
  /** Some seconds of work; an organisation may have half of it. */
  waiting: { calls: 20_000, bytes: 64 * 2 ** 20 },
  /** As on the money path: longer than a server's restart, shorter than the patience of an HTTP client. */
  deadlineMs: 30_000,
  time: systemTime,
}

/**
 * Gathers the jobs that are submitted to this process: those that come while a batch of them is being stored share the next
 * one, so that a busy process pays for a few statements and one COMMIT a hundred times. Waiting has the bounds and the
 * deadline of the money path; a job that cannot be stored fails alone.
 */
export class SubmitPath {
  readonly #lane: Lane<SubmitCall, SubmitVerdict>

  constructor(pool: pg.Pool, options: Partial<LaneOptions<SubmitCall>> = {}) {
    this.#lane = new Lane((calls, from) => submitTransaction(pool, calls, from?.sent ?? (() => undefined)), 0, {
      ...DEFAULTS,
      ...options,
    })
  }

  /**
   * @throws NotFoundError; ConflictError `no-tariff`; ForbiddenError `not-a-member`; 422 `idempotency-mismatch`;
   *   UnavailableError where the database does not answer, or too much waits for it
   */
  submit(rows: NewJobRows): Promise<SubmitVerdict> {
    const { promise, resolve, reject } = Promise.withResolvers<SubmitVerdict>()
    this.#lane.add({ kind: 'submit', organizationId: rows.organizationId, rows }, resolve, reject)
    return promise
  }

  /** Waits until everybody has an answer, and has heard it. */
  async drain(): Promise<void> {
    while (this.#lane.flushing) await this.#lane.flushing
    await turn()
  }
}
