import { UnavailableError } from './errors.ts'

/** Lets a few through at once; others wait in line, and a long line turns newcomers away. */
export class Turnstile {
  readonly #atOnce: number
  readonly #waitingMax: number
  readonly #waiting: (() => void)[] = []
  #inside = 0

  constructor({ atOnce, waitingMax }: { readonly atOnce: number; readonly waitingMax: number }) {
    this.#atOnce = atOnce
    this.#waitingMax = waitingMax
  }

  /** @throws UnavailableError where too many wait already */
  async pass<T>(work: () => Promise<T>): Promise<T> {
    if (this.#inside < this.#atOnce) this.#inside += 1
    else await this.#line()
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      // Whoever comes next takes this place over, so that nobody slips in between.
      if (next) next()
      else this.#inside -= 1
    }
  }

  #line(): Promise<void> {
    if (this.#waiting.length >= this.#waitingMax) throw new UnavailableError('Too many ask for this at once; try again')
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting.push(resolve)
    return promise
  }
}
