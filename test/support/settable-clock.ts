import type { Clock } from '../../src/foundation/clock.ts'

/** A clock that stands where a test puts it. */
export class SettableClock implements Clock {
  #now: number

  constructor(at: string) {
    this.#now = Date.parse(at)
  }

  now(): Date {
    return new Date(this.#now)
  }

  /** @param at RFC 3339; a date alone is its midnight in UTC */
  set(at: string): void {
    this.#now = Date.parse(at)
  }
}
