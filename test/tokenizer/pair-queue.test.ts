import fc from 'fast-check'
import { expect, test } from 'vitest'
import { NONE, PairQueue, RECORD } from '../../src/tokenizer/pair-queue.ts'

const PLACES = 24

/** What the queue must do, by looking at all of its pairs each time. */
function firstOf(pairs: ReadonlyMap<number, number>): number {
  const inOrder = [...pairs].toSorted(([at, rank], [otherAt, otherRank]) => rank - otherRank || at - otherAt)
  return inOrder[0]?.[0] ?? NONE
}

test('the pair of the lowest rank comes first, the leftmost of equals, in whatever order they were put or dropped', () => {
  const queue = new PairQueue() // one for all runs: each leaves it empty for the next
  const put = fc.record({ at: fc.nat(PLACES - 1), rank: fc.constantFrom(0, 1, 2, 3, 50, 7_000, 199_997) })
  const step = fc.oneof(
    { weight: 5, arbitrary: put },
    { weight: 1, arbitrary: fc.record({ drop: fc.nat(PLACES - 1) }) },
    { weight: 2, arbitrary: fc.constant('take' as const) },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const records = new Int32Array(RECORD * PLACES)
      queue.use(records)
      const pairs = new Map<number, number>()
      const take = () => {
        const first = firstOf(pairs)
        pairs.delete(first)
        expect(queue.take()).toBe(first)
      }
      for (const each of steps) {
        if (each === 'take') take()
        else if ('drop' in each) {
          queue.drop(each.drop * RECORD)
          pairs.delete(each.drop * RECORD)
        } else if (!pairs.has(each.at * RECORD)) {
          queue.put(each.at * RECORD, each.rank)
          pairs.set(each.at * RECORD, each.rank)
        }
      }
      while (pairs.size > 0) take()
      expect(queue.take()).toBe(NONE)
      for (let at = 0; at < records.length; at += RECORD) expect(records[at]).toBe(0)
    }),
    { numRuns: 2_000 },
  )
})
