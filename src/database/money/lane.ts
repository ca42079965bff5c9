import { setImmediate as turn } from 'node:timers/promises'
import { UnavailableError } from '../../foundation/errors.ts'
import type { Call, Outcome } from '../../ledger/calls.ts'
import { translateDatabaseError } from '../errors.ts'
import { errorCode, faultOf, jitteredPause, OutdatedFacts, UnansweredCommit, withRetry } from '../retry.ts'
import { type BatchBounds, type Waiting, type WaitingBounds, WaitingCalls } from './waiting-calls.ts'

/** Runs one batch in one transaction; an Error as a verdict is one caller's own. */
export type RunBatch = (calls: readonly Call[], from?: LanePlace) => Promise<readonly (Outcome | Error)[]>

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

type Verdicts = readonly (Outcome | Error)[]

export interface LaneOptions {
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
export class Lane {
  readonly #run: RunBatch
  readonly #number: number
  readonly #options: LaneOptions
  readonly #waiting: WaitingCalls
  #flushing: Promise<void> | undefined
  #watched = false
  /** Batches that failed and are being tried again. */
  #failed = 0

  /** @param number of this lane, by which whoever runs its batches tells it from others */
  constructor(run: RunBatch, number: number, options: LaneOptions) {
    this.#run = run
    this.#number = number
    this.#options = options
    this.#waiting = new WaitingCalls(options.batch, options.waiting)
  }

  /** The batches under way until nothing waits; undefined when idle. */
  get flushing(): Promise<void> | undefined {
    return this.#flushing
  }

  add(call: Call, resolve: Waiting['resolve'], reject: Waiting['reject']): void {
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
  #send(batch: readonly Waiting[], ahead: Promise<void> | undefined): { sent: Promise<void>; done: Promise<void> } {
    const { promise: sent, resolve } = Promise.withResolvers<void>()
    const done = this.#finish(batch, this.#try(batch, resolve), ahead).finally(resolve)
    return { sent, done }
  }

  /** One that failed is tried again after the one that was ahead of it. */
  async #finish(batch: readonly Waiting[], trying: Promise<Verdicts>, ahead: Promise<void> | undefined): Promise<void> {
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
  async #decide(batch: readonly Waiting[], error: unknown): Promise<void> {
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
  async #transact(part: readonly Waiting[], failure: unknown): Promise<Verdicts> {
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

  async #try(part: readonly Waiting[], sent: () => void): Promise<Verdicts> {
    try {
      const calls = part.map(({ call }) => call)
      return await this.#run(calls, { lane: this.#number, sent })
    } catch (error) {
      if (error instanceof UnansweredCommit) markRepeated(part)
      throw error
    }
  }
}

function answer(part: readonly Waiting[], verdicts: readonly (Outcome | Error)[]): void {
  for (const [index, { call, resolve, reject }] of part.entries()) {
    const verdict = verdicts[index]
    if (verdict === undefined) reject(new Error(`Invariant broken: a ${call.kind} was decided without a verdict`))
    else if (verdict instanceof Error) reject(verdict)
    else resolve(verdict)
  }
}

/** The COMMIT may have been done; whatever the next try finds done may be this one's doing. */
function markRepeated(part: readonly Waiting[]): void {
  for (const waiting of part) waiting.call = { ...waiting.call, repeated: true }
}

function refuse(part: readonly Waiting[], error: unknown): void {
  for (const { reject } of part) reject(translateDatabaseError(error))
}

function splitInHalf(part: readonly Waiting[]): [readonly Waiting[], readonly Waiting[]] {
  const half = Math.ceil(part.length / 2)
  return [part.slice(0, half), part.slice(half)]
}

/** Rows are locked by organisation, so all calls of one succeed or wait together. */
function splitByOrganization(part: readonly Waiting[]): [readonly Waiting[], readonly Waiting[]] {
  const ids = [...new Set(part.map(({ call }) => call.organizationId))]
  const early = new Set(ids.slice(0, Math.ceil(ids.length / 2)))
  const isEarly = ({ call }: Waiting): boolean => early.has(call.organizationId)
  return [part.filter(isEarly), part.filter((waiting) => !isEarly(waiting))]
}

function concernsSeveral(part: readonly Waiting[]): boolean {
  return part.some(({ call }) => call.organizationId !== part[0]?.call.organizationId)
}
