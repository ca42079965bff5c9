import fc from 'fast-check'
import { get_encoding } from 'tiktoken'
import { afterAll, describe, expect, it } from 'vitest'
import { ENCODINGS, type EncodingId } from '../../src/tokenizer/encodings.ts'
import { BEYOND, TRICKY } from '../support/tricky-texts.ts'

describe.each(Object.keys(ENCODINGS) as EncodingId[])('the cut of a text by %s', (id) => {
  const reference = get_encoding(id)
  afterAll(() => reference.free())
  const counted = (text: string): number => reference.encode_ordinary(text).length

  it('is that of the reference where every character is plain', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...TRICKY), { maxLength: 40 }), (parts) => {
        const text = parts.join('')
        expect(ENCODINGS[id].count(text), JSON.stringify(text)).toBe(counted(text))
      }),
      { numRuns: 10_000 },
    )
  })

  it('is the same where a character that is not plain has a say', () => {
    const mixed = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...TRICKY) }, fc.constantFrom(...BEYOND))
    fc.assert(
      fc.property(fc.array(mixed, { maxLength: 30 }), (parts) => {
        const text = parts.join('')
        expect(ENCODINGS[id].count(text), JSON.stringify(text)).toBe(counted(text))
      }),
      { numRuns: 10_000 },
    )
  })

  it('knows each letter, mark and number of Unicode as the reference does', () => {
    const differs = (text: string) => ENCODINGS[id].count(text) !== counted(text)
    const misjudged: string[] = []
    for (let first = 0x80; first < 0x110000; first += 128) {
      if (first >= 0xd800 && first < 0xe000) continue // halves of pairs
      const texts = Array.from({ length: 128 }, (_, index) => {
        const character = String.fromCodePoint(first + index)
        return `${character}'D .${character}\n` // behind a letter or a mark there is a contraction, after a sign a line end
      })
      if (differs(texts.join(''))) misjudged.push(...texts.filter(differs))
    }
    expect(misjudged).toEqual([])
  })
})
