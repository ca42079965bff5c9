/** After so many wrong guesses in a row, an organisation is read that often before the next guess. */
const READS_MAX = 256
/** Of more organisations the doubts that nothing has touched for longest are let go; a refused guess brings them back. */
const DOUBTS_MAX = 10_000

interface Doubt {
  /** How many right guesses in a row it takes to guess again, or to forget the doubt. */
  needed: number
  right: number
  /** Whether it is guessed about at present. */
  trusted: boolean
}

/**
 * Which organisations other processes work for, too. There a batch that was decided on remembered rows would often be
 * refused and decided again; so after a refusal an organisation is read until its rows were found unchanged twice in a row,
 * then four times, and so on. Guesses that turn out right halve that again.
 */
export class Doubts {
  readonly #doubts = new Map<string, Doubt>()

  /** Whether the rows of an organisation should be read rather than guessed. */
  about(id: string): boolean {
    return this.#doubts.get(id)?.trusted === false
  }

  /** What was remembered was, or would have been, right or wrong. */
  note(id: string, right: boolean): void {
    const doubt = this.#doubts.get(id)
    if (!right) {
      const needed = doubt === undefined ? 2 : doubt.trusted ? Math.min(2 * doubt.needed, READS_MAX) : doubt.needed
      this.#doubts.delete(id)
      this.#doubts.set(id, { needed, right: 0, trusted: false })
      const [oldest] = this.#doubts.keys()
      if (this.#doubts.size > DOUBTS_MAX && oldest !== undefined) this.#doubts.delete(oldest)
      return
    }
    if (doubt === undefined) return
    doubt.right += 1
    if (doubt.right < doubt.needed) return
    if (!doubt.trusted) doubt.trusted = true
    else doubt.needed /= 2
    doubt.right = 0
    if (doubt.needed <= 1) this.#doubts.delete(id)
  }
}
