import { hashOn, NO_RANK, type Vocabulary } from './vocabulary.ts'

/** Up to here a scan for the lowest pair is faster than a heap, though its time grows with the square. */
const SCAN_BYTES_MAX = 96
/** The parts of a short piece: where each starts, and its rank joined with the next one. Counting never yields. */
const scanStarts = new Int32Array(SCAN_BYTES_MAX + 1)
const scanRanks = new Int32Array(SCAN_BYTES_MAX)

/**
 * How many tokens byte-pair encoding makes of one piece that is no token itself: again and again the adjacent pair of
 * the lowest rank is joined, the leftmost of equals first. A piece of n bytes takes n · log n steps.
 */
export function countMerged(bytes: Uint8Array, start: number, end: number, vocabulary: Vocabulary): number {
  return end - start <= SCAN_BYTES_MAX
    ? countByScan(bytes, start, end, vocabulary)
    : countByHeap(bytes, start, end, vocabulary)
}

function countByScan(bytes: Uint8Array, start: number, end: number, vocabulary: Vocabulary): number {
  const { pairs } = vocabulary
  let parts = end - start
  for (let part = 0; part < parts; part++) {
    const at = start + part
    scanStarts[part] = at
    scanRanks[part] =
      part + 1 < parts ? (pairs[((bytes[at] as number) << 8) | (bytes[at + 1] as number)] as number) : NO_RANK
  }
  scanStarts[parts] = end
  for (;;) {
    let lowest = NO_RANK
    let found = 0
    for (let part = 0; part < parts - 1; part++) {
      const rank = scanRanks[part] as number
      if (rank >= lowest) continue
      lowest = rank
      found = part
    }
    if (lowest === NO_RANK) return parts
    parts--
    for (let part = found + 1; part <= parts; part++) {
      scanStarts[part] = scanStarts[part + 1] as number
      scanRanks[part] = scanRanks[part + 1] as number
    }
    if (found < parts - 1)
      scanRanks[found] = vocabulary.rankOf(bytes, scanStarts[found] as number, scanStarts[found + 2] as number)
    if (found > 0)
      scanRanks[found - 1] = vocabulary.rankOf(bytes, scanStarts[found - 1] as number, scanStarts[found + 1] as number)
  }
}

/** A heap entry is `rank · 2³² + position`: the order that merging needs, in one number below 2⁵³. */
const POSITIONS = 2 ** 32

interface Workspace {
  /** Start of the next part, by the start of a part. */
  next: Int32Array
  previous: Int32Array
  /** Rank of a part joined with its next one; NO_RANK when that is no token or the part is gone. */
  ranks: Int32Array
  heap: Float64Array
  /** Of the first bytes, by how many: the hash of any stretch follows from two of them. */
  hashes: Int32Array
}

function workspace(bytes: number): Workspace {
  return {
    next: new Int32Array(bytes + 1),
    previous: new Int32Array(bytes + 1),
    ranks: new Int32Array(bytes + 1),
    heap: new Float64Array(2 * bytes + 1), // one entry per byte, and one more in the balance per merge
    hashes: new Int32Array(bytes + 1),
  }
}

function push(heap: Float64Array, size: number, entry: number): number {
  let at = size
  while (at > 0) {
    const parent = (at - 1) >> 1
    if ((heap[parent] as number) <= entry) break
    heap[at] = heap[parent] as number
    at = parent
  }
  heap[at] = entry
  return size + 1
}

/** Drops the first entry; the caller has read it. */
function pop(heap: Float64Array, size: number): number {
  const last = heap[size - 1] as number
  const end = size - 1
  let at = 0
  for (let child = 1; child < end; child = 2 * at + 1) {
    if (child + 1 < end && (heap[child + 1] as number) < (heap[child] as number)) child += 1
    if ((heap[child] as number) >= last) break
    heap[at] = heap[child] as number
    at = child
  }
  heap[at] = last
  return end
}

function countByHeap(text: Uint8Array, from: number, to: number, vocabulary: Vocabulary): number {
  const bytes = to - from
  const { next, previous, ranks, heap, hashes } = workspace(bytes)
  for (let at = 0; at < bytes; at++) hashes[at + 1] = hashOn(hashes[at] as number, text[from + at] as number)
  for (let at = 0; at <= bytes; at++) {
    next[at] = at + 1
    previous[at] = at - 1
  }
  let size = 0
  const offer = (start: number): void => {
    const middle = next[start] as number
    const found =
      middle >= bytes
        ? NO_RANK
        : vocabulary.rankByHashes(hashes, from, text, from + start, from + (next[middle] as number))
    ranks[start] = found
    if (found !== NO_RANK) size = push(heap, size, found * POSITIONS + start)
  }
  for (let at = 0; at < bytes; at++) offer(at)

  let parts = bytes
  while (size > 0) {
    const entry = heap[0] as number
    size = pop(heap, size)
    const rank = Math.floor(entry / POSITIONS)
    const start = entry - rank * POSITIONS
    if (ranks[start] !== rank) continue // an older offer: one of the two parts has been joined since
    const gone = next[start] as number
    const after = next[gone] as number
    ranks[gone] = NO_RANK
    next[start] = after
    previous[after] = start
    parts -= 1
    offer(start)
    const before = previous[start] as number
    if (before >= 0) offer(before)
  }
  return parts
}
