/** No pair: what stands behind the last one of a rank, and what is taken out of an empty queue. */
export const NONE = -1
/** How many numbers make a record. The first three are the queue's, the others its user's. */
export const RECORD = 6
/** Rank + 1 of the pair that begins at a place; 0 while it is not in the queue. */
const RANK = 0
/** The records of its neighbours in the list of that rank, as the list has grown. */
const NEXT = 1
const PREVIOUS = 2
/** Above the rank of every token. */
const RANKS = 200_000

/**
 * The pairs of adjacent parts of one piece that are tokens, each by where it begins: the one of the lowest rank comes
 * first, the leftmost of equals. Each rank has a list of its own, which usually grows from left to right; only ranks
 * stand in a heap. So a long run, whose pairs are few ranks, is walked from end to end, and a piece of n bytes costs
 * n · log n steps at most: a list that has grown otherwise is sorted once, when its turn comes. (What is put while the
 * turn of a rank lasts is longer than its token, hence of another rank.)
 */
export class PairQueue {
  /** By rank: its first and last pair, and whether the list is in disorder. */
  readonly #firsts = new Int32Array(RANKS).fill(NONE)
  readonly #lasts = new Int32Array(RANKS)
  readonly #mixed = new Uint8Array(RANKS)
  /** The ranks that have pairs or had some, as a heap; each once. */
  readonly #heap = new Int32Array(RANKS)
  readonly #inHeap = new Uint8Array(RANKS)
  #size = 0
  /** Of each place of the piece one record; what lies together in the text lies together in memory. */
  #records: Int32Array = new Int32Array(0)

  /** @param records `RECORD` numbers per byte of a piece, the queue's own three all 0; they are so again when it is empty */
  use(records: Int32Array): void {
    this.#records = records
  }

  /** @param record that of the place where the pair begins, of which none is in the queue */
  put(record: number, rank: number): void {
    const records = this.#records
    if (this.#firsts[rank] === NONE) {
      this.#firsts[rank] = record
      this.#mixed[rank] = 0
      records[record + PREVIOUS] = NONE
      if (this.#inHeap[rank] === 0) this.#pushRank(rank)
    } else {
      const last = this.#lasts[rank] as number
      if (record < last) this.#mixed[rank] = 1
      records[last + NEXT] = record
      records[record + PREVIOUS] = last
    }
    this.#lasts[rank] = record
    records[record + NEXT] = NONE
    records[record + RANK] = rank + 1
  }

  /** Takes out the pair that begins here, if there is one. */
  drop(record: number): void {
    const records = this.#records
    const rank = (records[record + RANK] as number) - 1
    if (rank < 0) return
    const next = records[record + NEXT] as number
    const previous = records[record + PREVIOUS] as number
    if (previous === NONE) this.#firsts[rank] = next
    else records[previous + NEXT] = next
    if (next === NONE) this.#lasts[rank] = previous
    else records[next + PREVIOUS] = previous
    records[record + RANK] = 0
  }

  /** Takes out the first pair. @returns its record; NONE when the queue is empty */
  take(): number {
    while (this.#size > 0) {
      const rank = this.#heap[0] as number
      if (this.#mixed[rank] === 1) this.#sort(rank)
      const first = this.#firsts[rank] as number
      if (first !== NONE) {
        this.drop(first)
        return first
      }
      this.#popRank()
    }
    return NONE
  }

  #sort(rank: number): void {
    const sorted: number[] = []
    for (let at = this.#firsts[rank] as number; at !== NONE; at = this.#records[at + NEXT] as number) sorted.push(at)
    this.#firsts[rank] = NONE
    for (const record of Int32Array.from(sorted).sort()) this.put(record, rank)
    this.#mixed[rank] = 0
  }

  #pushRank(rank: number): void {
    const heap = this.#heap
    this.#inHeap[rank] = 1
    let at = this.#size++
    while (at > 0) {
      const parent = (at - 1) >> 1
      if ((heap[parent] as number) <= rank) break
      heap[at] = heap[parent] as number
      at = parent
    }
    heap[at] = rank
  }

  #popRank(): void {
    const heap = this.#heap
    this.#inHeap[heap[0] as number] = 0
    const end = --this.#size
    const last = heap[end] as number
    let at = 0
    for (let child = 1; child < end; child = 2 * at + 1) {
      if (child + 1 < end && (heap[child + 1] as number) < (heap[child] as number)) child += 1
      if ((heap[child] as number) >= last) break
      heap[at] = heap[child] as number
      at = child
    }
    heap[at] = last
  }
}
