import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalJson } from '../../src/foundation/canonical-json.ts'

const reversed = (fields: Readonly<Record<string, unknown>>) => Object.fromEntries(Object.entries(fields).toReversed())

describe('canonical JSON', () => {
  it.each([
    ['names in the order of their code units', { b: 1, a: 2, B: 3, é: 4 }, '{"B":3,"a":2,"b":1,"é":4}'],
    ['no field that is null', { a: null, b: undefined, c: 0 }, '{"c":0}'],
    ['a bigint as digits', { a: 99_990_000_000n, b: -1n }, '{"a":"99990000000","b":"-1"}'],
    ['arrays as they stand', { a: [{ y: 1n, x: null }, { z: [] }] }, '{"a":[{"y":"1"},{"z":[]}]}'],
    ['a name called __proto__ as any other', JSON.parse('{"__proto__":1,"a":2}'), '{"__proto__":1,"a":2}'],
  ])('has %s', (_what, value, text) => {
    expect(canonicalJson(value)).toBe(text)
  })

  it('is one text whatever the order in which fields were set, and another for another value', () => {
    const fields = fc.dictionary(fc.string(), fc.oneof(fc.integer(), fc.string(), fc.bigInt({ min: 0n, max: 9n })))
    fc.assert(
      fc.property(fields, fc.string(), (value, name) => {
        expect(canonicalJson(reversed(value))).toBe(canonicalJson(value))
        expect(canonicalJson({ ...value, [name]: [] })).not.toBe(canonicalJson(value))
      }),
    )
  })
})
