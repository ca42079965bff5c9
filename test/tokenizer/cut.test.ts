import fc from 'fast-check'
import { get_encoding } from 'tiktoken'
import { afterAll, describe, expect, it } from 'vitest'
import { o200kBase } from '../../src/tokenizer/o200k-base.ts'

/** Characters between which every decision of the cut is made, and some beyond ASCII that have a say in it. */
const TRICKY = [
  ...`aZzA019 '_-/\\.,(@[\`{~\t\n\r\v\f\0\x1c\x1f\x7f`,
  "'s",
  "'RE",
  "'ll",
  "'Ve",
  "'d",
  '  ',
  '\n\n',
  '\r\n',
]
const BEYOND = [
  'é',
  'É',
  'ǅ',
  'ʰ',
  'ª',
  '́',
  '٣',
  '²',
  '\u0085',
  '\u00a0',
  '\u2028',
  '\u3000',
  '\ufeff',
  '字',
  '😀',
  'ſ',
  '’',
]

describe('the cut of a text', () => {
  const reference = get_encoding('o200k_base')
  afterAll(() => reference.free())
  const counted = (text: string): number => reference.encode_ordinary(text).length

  it('is that of the reference where every character is plain', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...TRICKY), { maxLength: 40 }), (parts) => {
        const text = parts.join('')
        expect(o200kBase.count(text), JSON.stringify(text)).toBe(counted(text))
      }),
      { numRuns: 10_000 },
    )
  })

  it('is the same where a character that is not plain has a say', () => {
    const mixed = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...TRICKY) }, fc.constantFrom(...BEYOND))
    fc.assert(
      fc.property(fc.array(mixed, { maxLength: 30 }), (parts) => {
        const text = parts.join('')
        expect(o200kBase.count(text), JSON.stringify(text)).toBe(counted(text))
      }),
      { numRuns: 10_000 },
    )
  })

  it('knows each letter, mark and number of Unicode as the reference does', () => {
    const differs = (text: string) => o200kBase.count(text) !== counted(text)
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
