import type { Answered, Call, CallKind, Calls, Outcome, Slip, Verdicts } from '../../ledger/calls.ts'
import { bytesOf, walks } from './call-size.ts'
import { Lane, type LaneOptions, type RunBatch, systemTime } from './lane.ts'

/** How a batcher of a process works by default; what each bound is for stands beside it. */
const DEFAULTS: BatcherOptions = {
  lanes: 2,
  weights: { bytesOf, walks },
  batch: {
    /** Enough to share a COMMIT among many, few enough to keep its locks short. */
    calls: 500,
    /** A result may have a megabyte: some of them in one statement are well, 500 would be more than a server takes. */
    bytes: 8 * 2 ** 20,
    /** A walk over parked jobs locks and writes a hundred jobs with their stages: ten of them take a tenth of a second. */
    rows: 1_000,
    /** Halves of fewer would cost more, in statements, than working side by side saves. */
    whole: 64,
    /** Fewer would cost more in a batch of their own than they gain by not waiting for the next. */
    behind: 32,
  },
  /** A second's work of a lane, and for all lanes less memory than a small process has. */
  waiting: { calls: 20_000, bytes: 64 * 2 ** 20 },
  /** Longer than a server's restart, shorter than the patience of an HTTP client. */
  deadlineMs: 30_000,
  time: systemTime,
}

export interface BatcherOptions extends LaneOptions {
  /** How many batches may be under way side by side, each on a connection of its own. */
  readonly lanes: number
}

/** What the managers use of the money path. */
export interface MoneyPath {
  /**
   * Puts one call into the next batch and returns its own verdict.
   * @throws NotFoundError where the organisation does not exist
   * @throws UnavailableError where the database does not answer, or too much waits for it. Making the same call again is
   *   right: what was done is found by its key
   */
  decide<K extends CallKind>(kind: K, call: Calls[K]): Promise<Verdicts[K]>
  /**
   * The same with a slip, which is stored with the call's effect. A key that was answered before is answered again.
   * @throws TollkeeperError 422 `idempotency-mismatch` where the key was used for another request, and what `decide` throws
   */
  decideOnce<K extends CallKind>(kind: K, call: Calls[K], slip: Slip<K>): Promise<Verdicts[K] | Answered>
}

/**
 * Gathers the money calls of this process into batches, in several lanes. An organisation is always in the same one: its
 * calls are decided in the order in which they came, and two batches of one process never wait for the same row.
 */
export class Batcher implements MoneyPath {
  readonly #lanes: readonly Lane[]

  /** @param run is called by as many lanes at once as there are */
  constructor(run: RunBatch, options: Partial<BatcherOptions> = {}) {
    const { lanes, ...laneOptions } = { ...DEFAULTS, ...options }
    this.#lanes = Array.from({ length: lanes }, (_, number) => new Lane(run, number, laneOptions))
  }

  decide<K extends CallKind>(kind: K, call: Calls[K]): Promise<Verdicts[K]> {
    return this.#add({ kind, ...call } as unknown as Call) as Promise<Verdicts[K]>
  }

  decideOnce<K extends CallKind>(kind: K, call: Calls[K], slip: Slip<K>): Promise<Verdicts[K] | Answered> {
    return this.#add({ kind, ...call, slip } as unknown as Call) as Promise<Verdicts[K] | Answered>
  }

  #add(call: Call): Promise<Outcome> {
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>()
    this.#lanes[laneOf(call.organizationId, this.#lanes.length)]?.add(call, resolve, reject)
    return promise
  }

  /** Waits until every call that was made has its verdict. */
  async drain(): Promise<void> {
    for (let busy = this.#busy(); busy.length > 0; busy = this.#busy()) await Promise.all(busy)
  }

  #busy(): readonly Promise<void>[] {
    return this.#lanes.flatMap(({ flushing }) => flushing ?? [])
  }
}

/** FNV-1a: short, and it spreads ids that differ in their last character only. */
function laneOf(organizationId: string, lanes: number): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < organizationId.length; index += 1) {
    hash = Math.imul(hash ^ organizationId.charCodeAt(index), 0x01000193)
  }
  return (hash >>> 0) % lanes
}
