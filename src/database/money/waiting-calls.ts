import { WALK_ROWS } from './call-size.ts'

/** What a lane needs to know of a call; what it means is for whoever runs its batches. */
export interface LaneCall {
  readonly kind: string
  readonly organizationId: string
  /** Set by the lane once a try of it may have been stored. */
  readonly repeated?: boolean
}

/** How heavy the calls of a lane are. */
export interface Weights<C> {
  bytesOf(call: C): number
  /** Whether a call locks {@link WALK_ROWS} rows instead of one. */
  walks(call: C): boolean
}

/** Where a batch ends. A single call that is larger than that goes alone. */
export interface BatchBounds {
  readonly calls: number
  readonly bytes: number
  readonly rows: number
  /** Up to so many calls go together; of more that wait, half: while these are stored, the others are decided. */
  readonly whole: number
  /** So many must wait for a batch to be sent behind one that has not returned. */
  readonly behind: number
}

/** How much may wait in one lane; one organisation may have half of it, so that its neighbours still find a place. */
export interface WaitingBounds {
  readonly calls: number
  readonly bytes: number
}

/** A call that waits for its batch. */
export interface Waiting<C extends LaneCall, V> {
  /** Replaced by a repeated one once a try of it may have been stored. */
  call: C
  readonly bytes: number
  readonly resolve: (verdict: V) => void
  readonly reject: (error: unknown) => void
  /** The lane's count of periods when it came. */
  readonly period: number
  next: Waiting<C, V> | undefined
}

/** Calls in the order in which they came: those of one organisation, or the extensions of claims. */
class Line<C extends LaneCall, V> {
  readonly organizationId: string
  readonly #bounds: WaitingBounds
  first: Waiting<C, V> | undefined
  #last: Waiting<C, V> | undefined
  calls = 0
  bytes = 0
  /** The last batch into which a walk of this organisation went: another one in it locks the same rows. */
  walkedIn = -1
  /** The organisation whose turn comes after this one's. */
  following: Line<C, V> | undefined

  constructor(organizationId: string, bounds: WaitingBounds) {
    this.organizationId = organizationId
    this.#bounds = bounds
  }

  hasRoomFor(bytes: number): boolean {
    return fits(this, bytes, this.#bounds, 0.5)
  }

  push(waiting: Waiting<C, V>): void {
    if (this.#last) this.#last.next = waiting
    else this.first = waiting
    this.#last = waiting
    this.calls += 1
    this.bytes += waiting.bytes
  }

  shift(): void {
    const { first } = this
    if (!first) return
    this.first = first.next
    if (!this.first) this.#last = undefined
    this.calls -= 1
    this.bytes -= first.bytes
  }
}

/** Whoever comes first may be as large as he likes: refused for ever, he would never be decided. */
function fits(held: { calls: number; bytes: number }, bytes: number, bounds: WaitingBounds, share: number): boolean {
  if (held.calls === 0) return true
  return held.calls < bounds.calls * share && held.bytes + bytes <= bounds.bytes * share
}

/**
 * What waits in one lane. Organisations take turns, one call each, so that the one with ten thousand calls does not keep
 * the one with a single call waiting; the calls of one organisation keep the order in which they came. Only extensions
 * of claims (`keep`) pass everybody: what they decide depends on the claim alone, and late they are worth nothing.
 */
export class WaitingCalls<C extends LaneCall, V> {
  readonly #batch: BatchBounds
  readonly #bounds: WaitingBounds
  readonly #weights: Weights<C>
  readonly #lines = new Map<string, Line<C, V>>()
  readonly #keeps: Line<C, V>
  #first: Line<C, V> | undefined
  #last: Line<C, V> | undefined
  #batches = 0
  #period = 0
  calls = 0
  bytes = 0

  constructor(batch: BatchBounds, bounds: WaitingBounds, weights: Weights<C>) {
    this.#batch = batch
    this.#bounds = bounds
    this.#weights = weights
    this.#keeps = new Line('', bounds)
  }

  get empty(): boolean {
    return this.calls === 0 && this.#keeps.calls === 0
  }

  /** @returns whether there was room; without it nothing is kept */
  add(call: C, resolve: Waiting<C, V>['resolve'], reject: Waiting<C, V>['reject']): boolean {
    const bytes = this.#weights.bytesOf(call)
    const waiting: Waiting<C, V> = { call, bytes, resolve, reject, period: this.#period, next: undefined }
    if (call.kind === 'keep') {
      // Beside the common room: there is one extension at a time per running stage, and a full lane must not end claims.
      if (!this.#keeps.hasRoomFor(bytes)) return false
      this.#keeps.push(waiting)
      return true
    }
    const known = this.#lines.get(call.organizationId)
    if (!fits(this, bytes, this.#bounds, 1) || (known && !known.hasRoomFor(bytes))) return false
    const line = known ?? this.#newLine(call.organizationId)
    line.push(waiting)
    this.calls += 1
    this.bytes += bytes
    return true
  }

  /** The next batch, empty when nothing waits; of many the first half. */
  take(): Waiting<C, V>[] {
    const batch: Waiting<C, V>[] = []
    const callsMax = Math.min(this.#batch.calls, Math.max(this.#batch.whole, Math.ceil(this.calls / 2)))
    let bytes = 0
    let rows = 0
    this.#batches += 1
    for (let line = this.#next(); line; line = this.#next()) {
      const waiting = line.first
      if (!waiting) break
      const walking = this.#weights.walks(waiting.call)
      const locks = walking && line.walkedIn !== this.#batches ? WALK_ROWS : 1
      bytes += waiting.bytes
      rows += locks
      const { bytes: bytesMax, rows: rowsMax } = this.#batch
      if (batch.length > 0 && (batch.length >= callsMax || bytes > bytesMax || rows > rowsMax)) break
      if (walking) line.walkedIn = this.#batches
      batch.push(waiting)
      this.#leave(line)
    }
    return batch
  }

  /**
   * Ends a period.
   * @returns whoever waited through a whole one
   */
  expire(): Waiting<C, V>[] {
    const late: Waiting<C, V>[] = []
    const lines = [this.#keeps, ...this.#lines.values()]
    for (const line of lines) {
      for (let { first } = line; first && first.period < this.#period; first = line.first) {
        late.push(first)
        line.shift()
        if (line === this.#keeps) continue
        this.calls -= 1
        this.bytes -= first.bytes
      }
    }
    this.#period += 1
    if (late.length > 0) this.#dropEmptyLines()
    return late
  }

  #next(): Line<C, V> | undefined {
    return this.#keeps.first ? this.#keeps : this.#first
  }

  /** Takes the first call of the line whose turn it is; the line goes to the end, or away. */
  #leave(line: Line<C, V>): void {
    const bytes = line.first?.bytes ?? 0
    line.shift()
    if (line === this.#keeps) return
    this.calls -= 1
    this.bytes -= bytes
    this.#first = line.following
    if (!this.#first) this.#last = undefined
    if (line.first) this.#append(line)
    else this.#lines.delete(line.organizationId)
  }

  #newLine(organizationId: string): Line<C, V> {
    const line = new Line<C, V>(organizationId, this.#bounds)
    this.#lines.set(organizationId, line)
    this.#append(line)
    return line
  }

  #append(line: Line<C, V>): void {
    line.following = undefined
    if (this.#last) this.#last.following = line
    else this.#first = line
    this.#last = line
  }

  #dropEmptyLines(): void {
    const turns: Line<C, V>[] = []
    for (let line = this.#first; line; line = line.following) turns.push(line)
    this.#first = undefined
    this.#last = undefined
    for (const line of turns) {
      if (line.first) this.#append(line)
      else this.#lines.delete(line.organizationId)
    }
  }
}
