const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const SECOND_MS = 1_000
/** What an IANA name looks like; offsets such as +05:30, which the runtime takes too, are no names. */
const NAME = /^[A-Za-z][A-Za-z0-9_+-]{0,31}(\/[A-Za-z0-9_+-]{1,31}){0,2}$/

export type Bucket = 'hour' | 'day' | 'month'

/** The local time of a place. Instants are epoch milliseconds; a local time is one as if its clock were UTC's. */
export class TimeZone {
  readonly name: string
  readonly #format: Intl.DateTimeFormat

  private constructor(name: string, format: Intl.DateTimeFormat) {
    this.name = name
    this.#format = format
  }

  /** @param name an IANA name, such as `Europe/Berlin`; null where there is no such zone */
  static named(name: string): TimeZone | null {
    if (!NAME.test(name)) return null
    try {
      return new TimeZone(name, new Intl.DateTimeFormat('en-US', { timeZone: name, ...PARTS }))
    } catch (error) {
      if (error instanceof RangeError) return null
      throw error
    }
  }

  /** How far the local clock is ahead of UTC at an instant, in milliseconds. */
  offsetAt(at: number): number {
    const second = Math.floor(at / SECOND_MS) * SECOND_MS
    const parts: Record<string, number> = {}
    for (const { type, value } of this.#format.formatToParts(second)) parts[type] = Number(value)
    const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second: seconds = 0 } = parts
    return Date.UTC(year, month - 1, day, hour, minute, seconds) - second
  }

  /**
   * The first instant of a local day. A midnight that is skipped begins when the clock goes on, one that comes twice with
   * the first, unless the clock goes back to the day before.
   */
  startOfDay(year: number, month: number, day: number): number {
    return this.#firstInstantOf(Date.UTC(year, month - 1, day))
  }

  /**
   * Parts the time from `from` to `to` where the local hour, day or month changes.
   * @returns where each part begins, ascending, the first of them `from`; the last one ends at `to`
   */
  starts(from: number, to: number, by: Bucket): readonly number[] {
    const starts = [from]
    const next = by === 'hour' ? this.#hours() : this.#days(by, from)
    for (let start = next(from); start < to; start = next(start)) starts.push(start)
    return starts
  }

  /** From one full hour of the local clock to the next: also of zones that are half an hour off. */
  #hours(): (at: number) => number {
    const offsets = new Map<number, number | null>()
    const offsetAt = (at: number): number => {
      const day = Math.floor(at / DAY_MS) * DAY_MS
      // Asked for once a day: most days have one offset, and an answer of the runtime takes microseconds.
      if (!offsets.has(day)) {
        const atFirst = this.offsetAt(day)
        offsets.set(day, atFirst === this.offsetAt(day + DAY_MS) ? atFirst : null)
      }
      return offsets.get(day) ?? this.offsetAt(at)
    }
    return (at) => {
      const offset = offsetAt(at)
      const next = at + HOUR_MS - modulo(at + offset, HOUR_MS)
      // On the Chatham Islands clocks are moved at a quarter to: that hour ends there.
      return offsetAt(next - 1) === offset ? next : this.#moveBetween(at, next, offset)
    }
  }

  #days(by: 'day' | 'month', from: number): (at: number) => number {
    const local = new Date(from + this.offsetAt(from))
    const [year, month] = [local.getUTCFullYear(), local.getUTCMonth()]
    let count = 0
    return (at) => {
      for (;;) {
        count += 1
        const isDay = by === 'day'
        const civil = Date.UTC(year, isDay ? month : month + count, isDay ? local.getUTCDate() + count : 1)
        const start = this.#firstInstantOf(civil)
        // A day that a place left out, to change the side of the date line, has no time of its own.
        if (start > at) return start
      }
    }
  }

  #firstInstantOf(local: number): number {
    const [before, after] = [this.offsetAt(local - DAY_MS), this.offsetAt(local + DAY_MS)]
    const [byFormer, byLatter] = [local - before, local - after]
    if (before === after || this.offsetAt(byFormer) === before) return byFormer
    if (this.offsetAt(byLatter) === after) return byLatter
    return this.#moveBetween(byLatter, byFormer, before)
  }

  /** The second at which the clock is moved, between an instant at which it is not and one behind. */
  #moveBetween(from: number, to: number, before: number): number {
    let [earliest, latest] = [from, to]
    while (latest - earliest > SECOND_MS) {
      const middle = Math.floor((earliest + latest) / 2 / SECOND_MS) * SECOND_MS
      if (middle <= earliest) return latest
      if (this.offsetAt(middle) === before) earliest = middle
      else latest = middle
    }
    return Math.floor(latest / SECOND_MS) * SECOND_MS
  }
}

const PARTS = {
  calendar: 'iso8601',
  numberingSystem: 'latn',
  hourCycle: 'h23',
  year: 'numeric',
  month: 'numeric',
  day: 'numeric',
  hour: 'numeric',
  minute: 'numeric',
  second: 'numeric',
} as const

function modulo(dividend: number, divisor: number): number {
  return ((dividend % divisor) + divisor) % divisor
}
