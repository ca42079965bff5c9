import { expect, test } from 'vitest'
import { ValidationError } from '../../src/foundation/errors.ts'
import { normalizeText, TooLargeError } from '../../src/tokenizer/normalize.ts'

const errorOf = (raw: string, maxBytes = 1000): unknown => {
  try {
    return normalizeText(raw, maxBytes)
  } catch (error) {
    return error
  }
}

test.each([
  ['plain text', 'Sample input data', 'Sample input data'],
  ['one leading byte order mark goes', '\uFEFFtext', 'text'],
  ['a second one stays', '\uFEFF\uFEFFtext', '\uFEFFtext'],
  ['one inside stays', 'te\uFEFFxt', 'te\uFEFFxt'],
  ['white space alone is a text', ' \n\t ', ' \n\t '],
  ['line ends and composed letters stay as they are', 'e\u0301\r\né', 'e\u0301\r\né'],
  ['special tokens are text', '<|endoftext|>', '<|endoftext|>'],
  ['a whole surrogate pair', '😀', '😀'],
])('normalisation: %s', (_name, raw, stored) => {
  expect(normalizeText(raw, 1000)).toBe(stored)
})

test.each([
  ['empty', ''],
  ['a byte order mark alone', '\uFEFF'],
  ['NUL', 'a\u0000b'],
  ['a lone high surrogate', 'a\ud83d'],
  ['a lone low surrogate', '\ude00a'],
])('text is refused at /text: %s', (_name, raw) => {
  const error = errorOf(raw)
  expect(error).toBeInstanceOf(ValidationError)
  expect(error).toMatchObject({ status: 422, errors: [{ pointer: '/text', code: 'invalid-text' }] })
})

test('the limit counts bytes of UTF-8 without the byte order mark', () => {
  expect(normalizeText('ä'.repeat(5), 10)).toBe('ä'.repeat(5))
  expect(normalizeText(`\uFEFF${'a'.repeat(10)}`, 10)).toBe('a'.repeat(10))
  const error = errorOf('ä'.repeat(6), 11)
  expect(error).toBeInstanceOf(TooLargeError)
  expect(error).toMatchObject({ status: 413, code: 'too-large' })
})
