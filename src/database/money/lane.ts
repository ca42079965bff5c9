import { setImmediate as turn } from 'node:timers/promises'
import { UnavailableError } from '../../foundation/errors.ts'
import type { Call, Outcome } from '../../ledger/calls.ts'
import { translateDatabaseError } from '../errors.ts'
import { errorCode, faultOf, jitteredPause, OutdatedFacts, UnansweredCommit, withRetry } from '../retry.ts'
import {
  type BatchBounds,
  type LaneCall,
  type Waiting,
  type WaitingBounds,
  WaitingCalls,
  type Weights,
} from './waiting-calls.ts'

/** Runs one batch in one transaction; an Error as a verdict is one caller's own. */
export type RunBatch<C extends LaneCall = Call, V = Outcome> = (
  calls: readonly C[],
  from?: LanePlace,
) => Promise<readonly (V | Error)[]>

/** Who asks for a transaction. */
export interface LanePlace {
  readonly lane: number
  /** Called when the next batch of this lane may be sent behind this one, before it has returned. */
  readonly sent: () => void
}

/** Time, as a lane needs it. */
export interface LaneTime {
  /** Waits about that many milliseconds before another try. */
  pause(ms: number): Promise<void>
  /** Calls back after that many milliseconds, unless the process has ended by itself. */
  later(ms: number, action: () => void): void
}

export interface LaneOptions<C extends LaneCall = Call> {
  readonly weights: Weights<C>
  readonly batch: BatchBounds
  readonly waiting: WaitingBounds
  /** Milliseconds after which a call that no batch has taken is told so; it may be told after half of them. */
  readonly deadlineMs: number
  readonly time: LaneTime
}

export const systemTime: LaneTime = {
  pause: jitteredPause,
  later: (ms, action) => void setTimeout(action, ms).unref(),
}

const FULL = 'Too many calls wait for the database. Nothing was done; try again in some seconds'
const LATE = 'The database took no call for too long. Nothing was done; try again in some seconds'

/**
 * One batch after another. A batch starts when the one before it was sent and the one before that returned, never on a
 * timer: an idle lane decides a call at once, a busy one shares each COMMIT. A batch that fails is split until the bad call
 * fails alone, but only over what a call can cause: when the database does not answer, it answers no half of a batch either.
 */
export class Lane<C extends LaneCall = Call, V = Outcome> {
  readonly #run: RunBatch<C, V>
  readonly #number: number
  readonly #options: LaneOptions<C>
  readonly #waiting: WaitingCalls<C, V>
  #flushing: Promise<void> | undefined
  #watched = false
  /** Batches that failed and are being tried again. */
  #failed = 0

  /** @param number of this lane, by which whoever runs its batches tells it from others */
  constructor(run: RunBatch<C, V>, number: number, options: LaneOptions<C>) {
    this.#run = run
    this.#number = number
    this.#options = options
    this.#waiting = new WaitingCalls(options.batch, options.waiting, options.weights)
  }

  /** The batches under way until nothing waits; undefined when idle. */
  get flushing(): Promise<void> | undefined {
    return this.#flushing
  }

  add(call: C, resolve: Waiting<C, V>['resolve'], reject: Waiting<C, V>['reject']): void {
    if (!this.#waiting.add(call, resolve, reject)) {
      reject(new UnavailableError(FULL))
      return
    }
    this.#flushing ??= this.#flush()
    if (!this.#watched) this.#watch()
  }

  async #flush(): Promise<void> {
    let ahead: Promise<void> | undefined
    while (!this.#waiting.empty) {
      // One turn of the event loop: callers of the same turn, and those whom the last batch woke, share this batch.
      await turn()
      // While a failed batch is tried again, nobody passes it; and a batch of a few costs nearly what one of many costs:
      // they wait for the one ahead, so that whoever comes meanwhile shares theirs.
      if (this.#failed > 0 || this.#waiting.calls < this.#options.batch.behind) await ahead
      const batch = this.#waiting.take()
      if (batch.length === 0) continue // all of them went when their time was over
      const { sent, done } = this.#send(batch, ahead)
      await sent
      await ahead
      ahead = done
      // With nobody waiting there is nothing to send behind it.
      if (this.#waiting.empty) await ahead
    }
    this.#flushing = undefined
  }

  /** @returns when the next batch may be sent behind this one, and when everybody of this one has his answer */
  #send(batch: Batch<C, V>, ahead: Promise<void> | undefined): { sent: Promise<void>; done: Promise<void> } {
    const { promise: sent, resolve } = Promise.withResolvers<void>()
    const done = this.#finish(batch, this.#try(batch, resolve), ahead).finally(resolve)
    return { sent, done }
  }

  /** One that failed is tried again after the one that was ahead of it. */
  async #finish(
    batch: Batch<C, V>,
    trying: Promise<readonly (V | Error)[]>,
    ahead: Promise<void> | undefined,
  ): Promise<void> {
    try {
      answer(batch, await trying)
    } catch (error) {
      this.#failed += 1
      await ahead
      await this.#decide(batch, error)
      this.#failed -= 1
    }
  }

  /** One timer for all who wait: after each half of the deadline those go who have waited through a whole half. */
  #watch(): void {
    this.#watched = true
    const { time, deadlineMs } = this.#options
    time.later(deadlineMs / 2, () => {
      for (const { reject } of this.#waiting.expire()) reject(new UnavailableError(LATE))
      this.#watched = false
      if (!this.#waiting.empty) this.#watch()
    })
  }

  /** A call that a batch has taken gets the word of a transaction, however long that takes. */
  async #decide(batch: Batch<C, V>, error: unknown): Promise<void> {
    let first: unknown = error
    const parts = [batch]
    for (let part = parts.pop(); part; part = parts.pop()) {
      try {
        answer(part, await this.#transact(part, first))
      } catch (error) {
        const fault = faultOf(error)
        if (fault === 'unavailable') return refuse([part, ...parts].flat(), error)
        const [one, other] = fault === 'contention' ? splitByOrganization(part) : splitInHalf(part)
        if (other.length === 0) refuse(one, error)
        else parts.push(other, one)
      }
      first = undefined
    }
  }

  /** @param failure of the first try, if it was made already */
  async #transact(part: Batch<C, V>, failure: unknown): Promise<readonly (V | Error)[]> {
    const { pause } = this.#options.time
    // Whoever waited two seconds for a lock splits before he waits again: the others of his batch wait with him.
    const worthATry = (error: unknown): boolean => errorCode(error) !== '55P03' || !concernsSeveral(part)
    const tries = [failure].filter((error) => error !== undefined && !(error instanceof OutdatedFacts))
    return withRetry(
      async () => {
        if (tries.length > 0) throw tries.pop()
        return this.#try(part, () => undefined)
      },
      { pause, worthATry },
    )
  }

  async #try(part: Batch<C, V>, sent: () => void): Promise<readonly (V | Error)[]> {
    try {
      const calls = part.map(({ call }) => call)
      return await this.#run(calls, { lane: this.#number, sent })
    } catch (error) {
      if (error instanceof UnansweredCommit) markRepeated(part)
      throw error
    }
  }
}

type Batch<C extends LaneCall, V> = readonly Waiting<C, V>[]

function answer<C extends LaneCall, V>(part: Batch<C, V>, verdicts: readonly (V | Error)[]): void {
  for (const [index, { call, resolve, reject }] of part.entries()) {
    const verdict = verdicts[index]
    if (verdict === undefined) reject(new Error(`Invariant broken: a ${call.kind} was decided without a verdict`))
    else if (verdict instanceof Error) reject(verdict)
    else resolve(verdict)
  }
}

/** The COMMIT may have been done; whatever the next try finds done may be this one's doing. */
function markRepeated<C extends LaneCall, V>(part: Batch<C, V>): void {
  for (const waiting of part) waiting.call = { ...waiting.call, repeated: true }
}

function refuse<C extends LaneCall, V>(part: Batch<C, V>, error: unknown): void {
  for (const { reject } of part) reject(translateDatabaseError(error))
}

function splitInHalf<C extends LaneCall, V>(part: Batch<C, V>): [Batch<C, V>, Batch<C, V>] {
  const half = Math.ceil(part.length / 2)
  return [part.slice(0, half), part.slice(half)]
}

/** Rows are locked by organisation, so all calls of one succeed or wait together. */
function splitByOrganization<C extends LaneCall, V>(part: Batch<C, V>): [Batch<C, V>, Batch<C, V>] {
  const ids = [...new Set(part.map(({ call }) => call.organizationId))]
  const early = new Set(ids.slice(0, Math.ceil(ids.length / 2)))
  const isEarly = ({ call }: Waiting<C, V>): boolean => early.has(call.organizationId)
  return [part.filter(isEarly), part.filter((waiting) => !isEarly(waiting))]
}

function concernsSeveral<C extends LaneCall, V>(part: Batch<C, V>): boolean {
  return part.some(({ call }) => call.organizationId !== part[0]?.call.organizationId)
}
