/** After that long without a look, two clocks may have drifted apart; milliseconds. */
const FRESH_MS = 60_000

/**
 * The database's time between two looks at it, by this process's own steady clock: late by as long as the last look took to
 * arrive, never early. Who decides by it has PostgreSQL refuse the transaction where it is off by a second or more.
 */
export class DatabaseClock {
  #ahead: number | undefined
  #seenAt = 0

  /** Takes over what the database just said; epoch milliseconds. */
  see(now: number): void {
    this.#seenAt = performance.now()
    this.#ahead = now - this.#seenAt
  }

  /** Epoch milliseconds, whole; undefined where nobody has looked for a minute. */
  now(): number | undefined {
    const here = performance.now()
    if (this.#ahead === undefined || here - this.#seenAt > FRESH_MS) return undefined
    return Math.floor(this.#ahead + here)
  }
}
