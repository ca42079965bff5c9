import { type Clock, systemClock } from '../../foundation/clock.ts'

/** Epoch milliseconds by a clock that the process was given, as a statement takes them; null: the database's time counts. */
export type GivenTime = () => string | null

export const NO_CLOCK: GivenTime = () => null

/** A clock that is not the system's decides everything, so that years can be played through. */
export function timeOf(clock: Clock): GivenTime {
  return clock === systemClock ? NO_CLOCK : () => String(clock.now().getTime())
}

/** After that long without a look, two clocks may have drifted apart; milliseconds. */
const FRESH_MS = 60_000

/**
 * The database's time between two looks at it, by this process's own steady clock: late by as long as the last look took to
 * arrive, never early. Who decides by it has PostgreSQL refuse the transaction where it is off by a second or more.
 */
export class DatabaseClock {
  readonly #given: GivenTime
  #ahead: number | undefined
  #seenAt = 0

  constructor(given: GivenTime = NO_CLOCK) {
    this.#given = given
  }

  /** Takes over what the database just said; epoch milliseconds. */
  see(now: number): void {
    this.#seenAt = performance.now()
    this.#ahead = now - this.#seenAt
  }

  /** Epoch milliseconds, whole; undefined where nobody has looked for a minute. */
  now(): number | undefined {
    const given = this.#given()
    if (given !== null) return Number(given)
    const here = performance.now()
    if (this.#ahead === undefined || here - this.#seenAt > FRESH_MS) return undefined
    return Math.floor(this.#ahead + here)
  }
}
