interface Asked<Answer> {
  /** By this process's steady clock, before the question was sent: an answer is at most that old. */
  readonly at: number
  readonly answer: Promise<Answer | null>
}

interface Bounds {
  /** After that long an answer counts no more, in milliseconds. */
  readonly ageMs: number
  readonly foundMax: number
  /** Of questions that are under way, and of those that found nothing. */
  readonly missedMax: number
}

/**
 * Answers for a moment what was asked just now, and shares a question that is under way. What was found and what was not are
 * bounded apart from one another, so that whoever asks for nothing but nonsense pushes nobody out.
 */
export class RememberedAnswers<Answer> {
  readonly #ask: (name: string) => Promise<Answer | null>
  readonly #bounds: Bounds
  #found = new Map<string, Asked<Answer>>()
  #missed = new Map<string, Asked<Answer>>()

  constructor(ask: (name: string) => Promise<Answer | null>, bounds: Bounds) {
    this.#ask = ask
    this.#bounds = bounds
  }

  /** A question that failed is asked again by the next. */
  of(name: string): Promise<Answer | null> {
    const known = this.#found.get(name) ?? this.#missed.get(name)
    if (known && performance.now() - known.at < this.#bounds.ageMs) return known.answer
    this.#found.delete(name)
    return this.#asked(name)
  }

  /** Whatever is answered from here on is asked for from here on. */
  forget(): void {
    this.#found = new Map()
    this.#missed = new Map()
  }

  #asked(name: string): Promise<Answer | null> {
    const missed = this.#missed
    const asked = { at: performance.now(), answer: this.#ask(name) }
    keep(missed, name, asked, this.#bounds.missedMax)
    asked.answer.then(
      (answer) => {
        // Forgotten, pushed out or asked anew meanwhile: what this one says may be of yesterday.
        if (answer === null || this.#missed !== missed || missed.get(name) !== asked) return
        missed.delete(name)
        keep(this.#found, name, asked, this.#bounds.foundMax)
      },
      () => {
        if (missed.get(name) === asked) missed.delete(name)
      },
    )
    return asked.answer
  }
}

/** The newest stand last; the oldest goes where there are too many. */
function keep<Value>(map: Map<string, Value>, name: string, value: Value, max: number): void {
  map.delete(name)
  if (map.size >= max) {
    const oldest = map.keys().next().value
    if (oldest !== undefined) map.delete(oldest)
  }
  map.set(name, value)
}
