import { get_encoding } from 'tiktoken'
import { describe, expect, test, vi } from 'vitest'
import { ENCODINGS, type EncodingId } from '../../src/tokenizer/encodings.ts'
import { chineseText, englishProse, sourceCode } from '../support/installed-texts.ts'

vi.setConfig({ testTimeout: 60_000 }) // the reference needs a second for each megabyte, on a free machine

const TEXTS = [
  ['English prose', englishProse(), 1_000_000],
  ['code', sourceCode(), 1_000_000],
  ['Chinese', chineseText(), 250_000],
] as const

/** So long that a failure can be read, and in another place of its text each time. */
const EXCERPT = 3_001

describe.each(Object.keys(ENCODINGS) as EncodingId[])('by %s', (id) => {
  test.each(TEXTS)('%s of installed packages is counted as tiktoken counts it', (_name, text, bytes) => {
    const reference = get_encoding(id)
    try {
      expect(Buffer.byteLength(text)).toBeGreaterThan(bytes)
      expect(ENCODINGS[id].count(text)).toBe(reference.encode_ordinary(text).length)
      const different: string[] = []
      for (let from = 0; from < text.length; from += EXCERPT) {
        const excerpt = text.slice(from, from + EXCERPT)
        if (ENCODINGS[id].count(excerpt) !== reference.encode_ordinary(excerpt).length) different.push(excerpt)
      }
      expect(different).toEqual([])
    } finally {
      reference.free()
    }
  })
})

test('the Chinese text is Chinese', () => {
  expect(chineseText().match(/\p{Script=Han}/gu)?.length).toBeGreaterThan(50_000)
})
