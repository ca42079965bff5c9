interface Waiting<Key, Row> {
  readonly key: Key
  readonly resolve: (row: Row) => void
  readonly reject: (error: unknown) => void
}

/** Look-ups that come while one is under way share the next: a busy worker asks for many rows in the time of one. */
export class GatheredRead<Key, Row> {
  readonly #read: (keys: readonly Key[]) => Promise<readonly Row[]>
  readonly #atOnceMax: number
  #waiting: Waiting<Key, Row>[] = []
  #reading = false

  /** @param read answers in the order of its keys */
  constructor(read: (keys: readonly Key[]) => Promise<readonly Row[]>, atOnceMax = Number.POSITIVE_INFINITY) {
    this.#read = read
    this.#atOnceMax = atOnceMax
  }

  of(key: Key): Promise<Row> {
    const { promise, resolve, reject } = Promise.withResolvers<Row>()
    this.#waiting.push({ key, resolve, reject })
    if (!this.#reading) void this.#run()
    return promise
  }

  async #run(): Promise<void> {
    this.#reading = true
    // One turn lets those of the same tick share the first statement.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, this.#atOnceMax)
      try {
        const rows = await this.#read(batch.map(({ key }) => key))
        for (const [index, { resolve }] of batch.entries()) resolve(rows[index] as Row)
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    this.#reading = false
  }
}
