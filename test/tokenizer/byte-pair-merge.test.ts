import fc from 'fast-check'
import { expect, test } from 'vitest'
import { countMerged } from '../../src/tokenizer/byte-pair-merge.ts'
import { Vocabulary } from '../../src/tokenizer/vocabulary.ts'

/** The definition: look at every pair, join the leftmost of the lowest rank, begin again. */
function partsByDefinition(piece: string, ranks: ReadonlyMap<string, number>): number {
  const parts = [...piece]
  for (;;) {
    let lowest = Number.POSITIVE_INFINITY
    let found = -1
    for (const [at, part] of parts.entries()) {
      const rank = ranks.get(part + (parts[at + 1] ?? '\0')) ?? Number.POSITIVE_INFINITY
      if (rank < lowest) [lowest, found] = [rank, at]
    }
    if (found < 0) return parts.length
    parts.splice(found, 2, parts.slice(found, found + 2).join(''))
  }
}

const word = (letters: string, minLength: number, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...letters), minLength, maxLength })

/** In no order that training would give: a longer token may come before those that it is made of. */
const tokens = fc.uniqueArray(word('abc', 2, 7), { minLength: 4, maxLength: 60 })

test.each([
  ['a short piece', 1, 96],
  ['a long piece', 97, 400],
  ['a short and a long piece, about where the ways part', 90, 104],
])('%s is merged as the definition says, whatever the ranks', (_name, minLength, maxLength) => {
  fc.assert(
    fc.property(
      tokens,
      fc.array(word('abc', minLength, maxLength), { minLength: 5, maxLength: 5 }),
      (words, pieces) => {
        const listed = ['a', 'b', 'c', ...words]
        let size = 0
        const ends = Uint32Array.from(listed, (token) => (size += token.length))
        const vocabulary = new Vocabulary(new Uint8Array(Buffer.from(listed.join(''))), ends)
        const ranks = new Map(listed.map((token, rank) => [token, rank]))
        for (const piece of pieces) {
          const bytes = new Uint8Array(Buffer.from(`<${piece}>`)) // what stands around it has no say
          const counted = countMerged(bytes, 1, 1 + piece.length, vocabulary)
          expect(counted, JSON.stringify({ words, piece })).toBe(partsByDefinition(piece, ranks))
        }
      },
    ),
    { numRuns: 60 },
  )
})

test('a piece beyond the room that is kept leaves nothing behind for the next one', () => {
  const vocabulary = new Vocabulary(new Uint8Array(Buffer.from('abaab')), new Uint32Array([1, 2, 3, 5]))
  const count = (text: string): number => countMerged(new Uint8Array(Buffer.from(text)), 0, text.length, vocabulary)
  const short = 'ab'.repeat(100)
  const before = count(short)
  expect(count('ab'.repeat(20_000))).toBe(20_000)
  expect(count(short)).toBe(before)
  expect(before).toBe(100)
})
