import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  AmountError,
  divideCeil,
  divideFloor,
  divideHalfUp,
  formatAmount,
  largest,
  NANO_MAX,
  parseAmount,
  smallest,
} from '../../src/pricing/money.ts'

function refusal(text: string): string {
  try {
    return `parsed to ${parseAmount(text)}`
  } catch (error) {
    if (!(error instanceof AmountError)) throw error
    expect(error.status).toBe(422)
    return error.code
  }
}

describe('reading amounts', () => {
  it.each([
    ['0', 0n],
    ['0.00', 0n],
    ['5', 5_000_000_000n],
    ['99.99', 99_990_000_000n],
    ['0.00018', 180_000n],
    ['0.000000001', 1n],
    ['1.100000000', 1_100_000_000n],
    ['9000000000', NANO_MAX],
  ])('reads %s exactly', (text, nano) => {
    expect(parseAmount(text)).toBe(nano)
  })

  it.each([
    ...[
      '',
      ' ',
      '-1',
      '+1',
      '1,5',
      '1e3',
      '1E3',
      '.5',
      '5.',
      '007',
      '00.5',
      '0x10',
      ' 1',
      '1 ',
      '1\n',
      '1_000',
      '1.2.3',
    ],
    ...['NaN', 'Infinity', 'null', 'true', '١', '１', '--1', '-0'],
  ])('refuses %j as no plain decimal', (text) => {
    expect(refusal(text)).toBe('invalid-amount')
  })

  it('refuses a tenth decimal as written, even a zero', () => {
    expect(refusal('0.0000000001')).toBe('too-precise')
    expect(refusal('1.0000000000')).toBe('too-precise')
    expect(refusal(`0.${'1'.repeat(20)}`)).toBe('too-precise')
  })

  it('refuses what no column could hold, however long it is', () => {
    expect(refusal('9000000000.000000001')).toBe('out-of-range')
    expect(refusal('10000000000')).toBe('out-of-range')
    expect(refusal('9'.repeat(40))).toBe('out-of-range')
    expect(refusal('9'.repeat(1_000_000))).toBe('out-of-range')
  })

  it('does not repeat what it refuses', () => {
    for (const text of ['<script>', '7'.repeat(40)]) {
      expect(() => parseAmount(text)).toThrow(expect.not.objectContaining({ message: expect.stringContaining(text) }))
    }
  })

  it('keeps the largest amount within a PostgreSQL bigint', () => {
    expect(NANO_MAX).toBeLessThan(2n ** 63n - 1n)
  })
})

describe('writing amounts', () => {
  it.each([
    [0n, '0.00'],
    [1n, '0.000000001'],
    [180_000n, '0.00018'],
    [1_824_400n, '0.0018244'],
    [10_000_000_000n, '10.00'],
    [100_000_000n, '0.10'],
    [1_230_000_000n, '1.23'],
    [1_203_000_000n, '1.203'],
    [-1n, '-0.000000001'],
    [-12_500_000_000n, '-12.50'],
    [NANO_MAX, '9000000000.00'],
  ])('writes %d nano-units with 2 to 9 decimals', (nano, text) => {
    expect(formatAmount(nano)).toBe(text)
  })

  it('writes what reading turns back into the same amount', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: NANO_MAX }), (nano) => {
        const text = formatAmount(nano)
        expect(parseAmount(text)).toBe(nano)
        expect(text).toMatch(/^(0|[1-9]\d*)\.(\d\d|\d{2,8}[1-9])$/)
        expect(formatAmount(-nano)).toBe(nano === 0n ? '0.00' : `-${text}`)
      }),
    )
  })

  it('gives back a written amount up to its trailing zeros', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^(0|[1-9][0-9]{0,8})\.[0-9]{2,9}$/), (written) => {
        let shown = written
        while (shown.endsWith('0') && shown.length - shown.indexOf('.') > 3) shown = shown.slice(0, -1)
        expect(formatAmount(parseAmount(written))).toBe(shown)
      }),
    )
  })
})

describe('dividing', () => {
  it.each([
    [1n, 2n, 1n],
    [3n, 2n, 2n],
    [-1n, 2n, 0n],
    [-3n, 2n, -1n],
    [1n, 3n, 0n],
    [2n, 3n, 1n],
    [-2n, 3n, -1n],
    [499_999n, 1_000_000n, 0n],
    [500_000n, 1_000_000n, 1n],
  ])('rounds %d ÷ %d half up', (numerator, denominator, quotient) => {
    expect(divideHalfUp(numerator, denominator)).toBe(quotient)
  })

  it('stays within half a unit of the true quotient, and within one of its floor and ceiling', () => {
    const denominators = fc.bigInt({ min: 1n, max: 10n ** 12n })
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n }), denominators, (n, d) => {
        const error = 2n * (divideHalfUp(n, d) * d - n)
        expect(error > -d && error <= d).toBe(true)
        expect(divideFloor(n, d) * d <= n && (divideFloor(n, d) + 1n) * d > n).toBe(true)
        expect(divideCeil(n, d) * d >= n && (divideCeil(n, d) - 1n) * d < n).toBe(true)
      }),
    )
  })

  it('refuses a denominator of zero', () => {
    expect(() => divideHalfUp(1n, 0n)).toThrow('denominator')
  })

  it('finds the extremes beyond what a float can tell apart', () => {
    const amounts = [2n ** 60n, 2n ** 60n + 1n, 2n ** 60n - 1n]
    expect([largest(amounts), smallest(amounts)]).toEqual([2n ** 60n + 1n, 2n ** 60n - 1n])
    expect([largest([]), smallest([])]).toEqual([0n, 0n])
  })
})
