import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { get_encoding } from 'tiktoken'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { ENCODINGS, type EncodingId } from '../../src/tokenizer/encodings.ts'
import { anyText } from '../support/tricky-texts.ts'

vi.setConfig({ testTimeout: 45_000 }) // loading a vocabulary is slow on a busy machine

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8')

/** Bytes without a pattern, the same in each run. */
function noise(bytes: number): string {
  const data = Buffer.alloc(bytes)
  let state = 12_345
  for (let at = 0; at < bytes; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    data[at] = state >>> 16
  }
  return data.toString('base64')
}

const EXACT: readonly (readonly [name: string, text: string])[] = [
  ['nothing', ''],
  ['English prose', read('../fixtures/texts/harbour-ferry.txt')],
  ['TypeScript', read('../../src/tokenizer/o200k-base.ts')],
  ['JSON', read('../../tsconfig.json')],
  ['contractions', "I'm sure they've said it's DON'T, we'LL see; 'tis O'Neill's"],
  ['the long s and the Kelvin sign behind an apostrophe', "and I'\u017f, I'\u017fe, I'\u212a"],
  ['NUL', 'a\0b\0\0 \0'],
  ['half a surrogate pair', 'a\ud83d b\ude00\ud83d'],
  ['numbers', '1 12 123 1234 1234567.891 ½ Ⅷ ٣٤٥'],
  ['Chinese', '今天天气很好，我们去公园散步。后来下雨了，大家都跑回家。'.repeat(50)],
  ['Japanese and Korean', '吾輩は猫である。名前はまだ無い。 대한민국의 수도는 서울이다.'],
  ['Arabic, Hebrew, Hindi, Thai', 'مرحبا بالعالم שלום עולם नमस्ते दुनिया สวัสดีชาวโลก'],
  ['emoji', '👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇩🇪 😀😀😀'.repeat(20)],
  ['combining marks', `Zo${'e\u0301\u0308'.repeat(40)} Z̷̢̧a̸l̵g̶o̴`],
  ['white space of every kind', ' \t\n\r\n \u00a0\u2003\u3000 x  \n\n  y\u0085z \u2028\u2029 '],
  ['a byte order mark inside', 'one \uFEFF two\uFEFFthree \uFEFF\uFEFF'],
  ['special tokens as plain text', '<|endoftext|> <|im_start|>user<|im_sep|>hi<|fim_prefix|>'],
  ['a long run of one letter', 'a'.repeat(20_000)],
  ['a long run of capitals', 'A'.repeat(5000)],
  ['a long run of spaces', ' '.repeat(20_000)],
  ['a long run of spaces before a word', `${' '.repeat(5000)}x`],
  ['many newlines', `${'\n'.repeat(3000)}  \n `],
  ['Chinese without a break', '中文字符测试长文龘靐'.repeat(500)],
  ['base64 without a break', noise(20_000)],
  ['hexadecimal', Buffer.from(noise(3000)).toString('hex')],
  ['marks', '=-'.repeat(3000)],
  ['private use and unassigned', '\u{E000}\u{10FFFF}\u{E0041}\u0378'],
]

describe.each(Object.keys(ENCODINGS) as EncodingId[])('by %s', (id) => {
  const reference = get_encoding(id)
  const countReference = (text: string): number => reference.encode_ordinary(text).length
  const count = (text: string): number => ENCODINGS[id].count(text)
  afterAll(() => reference.free())

  test.each(EXACT)('%s is counted as tiktoken counts it', (_name, text) => {
    expect(count(text)).toBe(countReference(text))
  })

  test('every character of the first planes is counted as tiktoken counts it in its company', () => {
    const different: string[] = []
    for (let code = 0; code < 0x3100; code++) {
      const character = String.fromCodePoint(code)
      const text = `a${character} ${character}B${character}${character} ${character}1 ${character}`
      if (count(text) !== countReference(text)) different.push(code.toString(16))
    }
    expect(different).toEqual([])
  })

  test.each([...'aA=1é字😀', ' ', '\n', '\u0301', '=-', 'aé字', 'qxzj'])(
    'a piece of %j of every length, up to beyond the longest token, is counted as tiktoken counts it',
    (unit) => {
      for (let times = 1; times <= 140; times++) {
        const text = unit.repeat(times)
        expect(count(text), `${times} times`).toBe(countReference(text))
      }
    },
  )

  test('a text of about the size of the kept buffer, or beyond, is counted as tiktoken counts it', () => {
    for (const unit of ['字。', 'é ', 'word '])
      for (const characters of [21_843, 21_844, 21_845, 21_846, 70_000]) {
        const text = unit.repeat(characters).slice(0, characters)
        expect(count(text), `${characters} characters`).toBe(countReference(text))
      }
  })

  test('a text is counted alone, whatever longer text was counted before it', () => {
    expect(count('a'.repeat(500))).toBeGreaterThan(1)
    expect(count('a')).toBe(1)
    expect(count('')).toBe(0)
  })

  test('any text is counted as tiktoken counts it', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(count(text), JSON.stringify(text)).toBe(countReference(text))
      }),
      { numRuns: 3_000 },
    )
  })
})

test.each([
  ['yxrex', 'Bring'],
  ['nboaf', ' paru'],
  ['aoaid', 'اريع'],
  ['ojfvl', ' принос'],
])('%j, whose hash is that of the token %j, is no token', (word, token) => {
  const reference = get_encoding('o200k_base')
  const counted = reference.encode_ordinary(word).length
  reference.free()
  expect(ENCODINGS.o200k_base.count(token)).toBe(1)
  expect(ENCODINGS.o200k_base.count(word)).toBe(counted)
  expect(counted).toBeGreaterThan(1)
})

test('they are named, and of the version of their vocabularies, as receipts have named them since the first', () => {
  const manifest: unknown = JSON.parse(read('../../package.json'))
  for (const { version } of Object.values(ENCODINGS))
    expect(manifest).toMatchObject({ dependencies: { 'gpt-tokenizer': version } })
  expect(ENCODINGS.o200k_base).toMatchObject({ id: 'o200k_base', version: '4.0.0' })
  expect(ENCODINGS.cl100k_base).toMatchObject({ id: 'cl100k_base', version: '4.0.0' })
})

test.each([
  ['a few words', 'Sample input data', 3, 3],
  ['a page of prose', read('../fixtures/texts/harbour-ferry.txt'), 1168, 1175],
  ['a special token as text', '<|endoftext|>', 7, 7],
  ['Chinese', '今天天气很好，我们去公园散步。', 11, 18],
  ['a little of everything', "DON'T we'LL 12345 \uFEFF\u0085\r\n👩‍👩‍👧‍👦", 23, 30],
])('%s has as many tokens as on every receipt before', (_name, text, o200k, cl100k) => {
  expect([ENCODINGS.o200k_base.count(text), ENCODINGS.cl100k_base.count(text)]).toEqual([o200k, cl100k])
})
