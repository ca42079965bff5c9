import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formulaOf } from '../../src/pricing/formula.ts'
import { divideHalfUp, formatAmount, parseAmount } from '../../src/pricing/money.ts'
import { amountOf } from '../../src/pricing/rates.ts'
import type { Rate } from '../../src/pricing/tariff.ts'
import { rates } from './tariff-fixtures.ts'

const rate = (fields: Partial<Rate>): Rate => ({
  model: 'per_unit',
  price: null,
  per: 1_000_000,
  tiers: null,
  ...fields,
})
const tiers = [
  { upTo: 1_000, price: parseAmount('2.00') },
  { upTo: null, price: parseAmount('1.00') },
]

describe('a formula with figures', () => {
  it.each([
    ['tokens by the million', rate({ price: parseAmount('0.15') }), 0, 1_200, '1,200 × 0.15 / 1M = 0.00018'],
    ['a fee', rate({ price: parseAmount('0.02'), per: 1 }), 7, 1, '1 × 0.02 = 0.02'],
    ['a half', rate({ price: 1n, per: 2 }), 0, 1, '1 × 0.000000001 / 2 = 0.000000001, rounded half up'],
    [
      'tiers, each unit at its own',
      rate({ model: 'graduated', tiers }),
      900,
      300,
      'units 901 to 1,200: 100 × 2.00 / 1M + 200 × 1.00 / 1M = 0.0004',
    ],
    [
      'the tier of the last unit for all',
      rate({ model: 'volume', tiers }),
      900,
      300,
      'units 901 to 1,200: 300 × 1.00 / 1M = 0.0003',
    ],
    [
      'packages, one of them begun before',
      rate({ model: 'package', price: parseAmount('0.50'), per: 100 }),
      250,
      151,
      'units 251 to 401 in packages of 100: 2 × 0.50 = 1.00',
    ],
    ['a flat price', rate({ model: 'flat', price: parseAmount('0.30') }), 5, 9, 'once = 0.30'],
    ['nothing', rate({ price: parseAmount('0.15') }), 5, 0, 'no billed units = 0.00'],
  ] as const)('says %s', (_what, of, position, units, expected) => {
    expect(formulaOf(of, position, units)).toBe(expected)
  })

  it('comes to the amount that is charged, whoever computes it again from the words alone', () => {
    const positions = fc.integer({ min: 0, max: 100 })
    fc.assert(
      fc.property(rates, positions, fc.integer({ min: 1, max: 200 }), (of, position, units) => {
        const formula = formulaOf(of, position, units)
        const amount = amountOf(of, position, units)
        expect(/= (\d+\.\d+)/.exec(formula)?.[1]).toBe(formatAmount(amount))
        if (of.model === 'flat') return
        const terms = [...formula.matchAll(/([\d,]+) × (\d+\.\d+)(?: \/ ([\d,]+M?))?/g)]
        const pers = terms.map(([, , , per]) => toNumber(per?.replace('M', ',000,000') ?? '1'))
        const numerator = terms.reduce(
          (sum, [, count, price]) => sum + toNumber(count ?? '') * parseAmount(price ?? ''),
          0n,
        )
        expect(new Set(pers).size).toBe(1)
        expect(divideHalfUp(numerator, pers[0] ?? 1n)).toBe(amount)
        expect(formula.endsWith(', rounded half up')).toBe(numerator % (pers[0] ?? 1n) !== 0n)
      }),
    )
  })
})

const toNumber = (text: string): bigint => BigInt(text.replaceAll(',', ''))
