import { expect, test } from 'vitest'
import { ExactTotals } from '../../src/admin/metrics/exact-totals.ts'

const samples = (totals: ExactTotals): readonly string[] =>
  totals
    .text()
    .split('\n')
    .filter((line) => !line.startsWith('#'))

test('a sum above 2^53 nano-units is written with all its digits, and in two parts that a double holds', () => {
  const totals = new ExactTotals('charged', { label: 'currency', help: 'Charged', split: true })
  const sum = 123_456_789_012_345_678_901n
  totals.add('USD', sum - 1n)
  totals.add('USD', 1n)
  const values = new Map(samples(totals).map((line) => line.split(' ') as [string, string]))
  expect(values.get('charged_nano_total{currency="USD"}')).toBe('123456789012345678901')
  const parse = (name: string): bigint => BigInt(Number(values.get(`${name}{currency="USD"}`)))
  expect(parse('charged_whole_total') * 1_000_000_000n + parse('charged_rest_nano')).toBe(sum)
})

test('more names than there are are added up under one', () => {
  const totals = new ExactTotals('charged', { label: 'currency', help: 'Charged' })
  for (let number = 0; number < 1_000; number += 1) totals.add(`C${number}`, 1n)
  expect(samples(totals)).toHaveLength(51)
  expect(samples(totals)).toContain('charged_nano_total{currency="other"} 950')
})
