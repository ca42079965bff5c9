import type { Call, CallKind, Calls, Verdict, Verdicts } from '../../ledger/calls.ts'
import { translateDatabaseError } from '../errors.ts'
import { withRetry } from '../retry.ts'

/** Calls of one transaction: enough to share its COMMIT among many, few enough to keep its locks short. */
const CALLS_MAX = 500

interface Waiting {
  readonly call: Call
  readonly resolve: (verdict: Verdict) => void
  readonly reject: (error: unknown) => void
}

/** Runs one batch in one transaction; an Error as a verdict is one caller's own. */
type RunBatch = (calls: readonly Call[]) => Promise<readonly (Verdict | Error)[]>

/** What the managers use of the money path. */
export interface MoneyPath {
  /**
   * Puts one call into the next batch and returns its own verdict.
   * @throws NotFoundError where the organisation does not exist
   * @throws UnavailableError where the database does not answer
   */
  decide<K extends CallKind>(kind: K, call: Calls[K]): Promise<Verdicts[K]>
}

/**
 * Gathers the money calls of this process into batches. A batch starts when the previous one returned, never on a
 * timer: an idle system answers one call at once, a busy one shares each COMMIT. A batch that fails is split until the
 * bad call fails alone.
 */
export class Batcher implements MoneyPath {
  readonly #run: RunBatch
  #waiting: Waiting[] = []
  #flushing: Promise<void> | undefined

  constructor(run: RunBatch) {
    this.#run = run
  }

  decide<K extends CallKind>(kind: K, call: Calls[K]): Promise<Verdicts[K]> {
    const { promise, resolve, reject } = Promise.withResolvers<Verdicts[K]>()
    this.#waiting.push({
      call: { kind, ...call } as unknown as Call,
      resolve: resolve as (verdict: Verdict) => void,
      reject,
    })
    this.#flushing ??= this.#flush()
    return promise
  }

  /** Waits until every call that was made has its verdict. */
  async drain(): Promise<void> {
    await this.#flushing
  }

  async #flush(): Promise<void> {
    // One turn of the event loop lets callers of the same tick share the first batch.
    await Promise.resolve()
    while (this.#waiting.length > 0) await this.#settle(this.#waiting.splice(0, CALLS_MAX))
    this.#flushing = undefined
  }

  async #settle(batch: readonly Waiting[]): Promise<void> {
    try {
      const verdicts = await withRetry(() => this.#run(batch.map(({ call }) => call)))
      for (const [index, verdict] of verdicts.entries()) {
        if (verdict instanceof Error) batch[index]?.reject(verdict)
        else batch[index]?.resolve(verdict)
      }
    } catch (error) {
      if (batch.length === 1) return batch[0]?.reject(translateDatabaseError(error))
      const half = batch.length >> 1
      await this.#settle(batch.slice(0, half))
      await this.#settle(batch.slice(half))
    }
  }
}
