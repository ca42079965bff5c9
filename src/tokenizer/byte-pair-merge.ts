import { NONE, PairQueue, RECORD } from './pair-queue.ts'
import { hashOn, NO_RANK, type Vocabulary } from './vocabulary.ts'

/** Up to here a scan for the lowest pair is faster than a queue, though its time grows with the square. */
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
    : countByQueue(bytes, start, end, vocabulary)
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

/** Room for pieces of up to so many bytes is kept; that of longer ones is given back. */
const KEPT_BYTES = 16 * 1024

/** The start of the next part, in the record of the start of a part. */
const NEXT = 3
const PREVIOUS = 4
/** The hash of all bytes before: that of any stretch follows from two of them. */
const HASH = 5

let kept: { readonly records: Int32Array; readonly queue: PairQueue } | undefined

/** Places are those of records: the n-th byte's is `n · RECORD`. */
function countByQueue(text: Uint8Array, from: number, to: number, vocabulary: Vocabulary): number {
  kept ??= { records: new Int32Array(RECORD * (KEPT_BYTES + 1)), queue: new PairQueue() } // few texts have such a piece
  const { queue } = kept
  const records = to - from <= KEPT_BYTES ? kept.records : new Int32Array(RECORD * (to - from + 1))
  queue.use(records)
  const end = enqueueBytes(queue, records, text, from, to, vocabulary)
  const offer = (start: number): void => {
    const middle = records[start + NEXT] as number
    if (middle === end) return
    const behind = records[middle + NEXT] as number
    const bytes = (behind - start) / RECORD
    const rank = vocabulary.rankByHashes(
      records[start + HASH] as number,
      records[behind + HASH] as number,
      text,
      from + start / RECORD,
      bytes,
    )
    if (rank !== NO_RANK) queue.put(start, rank)
  }

  let parts = to - from
  for (let start = queue.take(); start !== NONE; start = queue.take()) {
    const gone = records[start + NEXT] as number
    const behind = records[gone + NEXT] as number
    queue.drop(gone)
    records[start + NEXT] = behind
    records[behind + PREVIOUS] = start
    parts -= 1
    offer(start)
    const before = records[start + PREVIOUS] as number
    if (before < 0) continue
    queue.drop(before)
    offer(before)
  }
  queue.use(kept.records)
  return parts
}

function enqueueBytes(
  queue: PairQueue,
  records: Int32Array,
  text: Uint8Array,
  from: number,
  to: number,
  { pairs }: Vocabulary,
): number {
  const last = to - 1
  let hash = 0
  let record = 0
  for (let at = from; at < to; at++) {
    const byte = text[at] as number
    records[record + NEXT] = record + RECORD
    records[record + PREVIOUS] = record - RECORD
    records[record + HASH] = hash
    hash = hashOn(hash, byte)
    const rank = at < last ? (pairs[(byte << 8) | (text[at + 1] as number)] as number) : NO_RANK
    if (rank !== NO_RANK) queue.put(record, rank)
    record += RECORD
  }
  records[record + HASH] = hash
  return record
}
