import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { divideHalfUp, largest, smallest } from '../../src/pricing/money.ts'
import { amountOf, highestAmount, linearBound, lowestAmount } from '../../src/pricing/rates.ts'
import type { Rate } from '../../src/pricing/tariff.ts'
import { rates } from './tariff-fixtures.ts'

const perUnit: Rate = { model: 'per_unit', price: 150n, per: 100, tiers: null }
const pack: Rate = { model: 'package', price: 900n, per: 10, tiers: null }
const flat: Rate = { model: 'flat', price: 70n, per: 1, tiers: null }
const tiers = [
  { upTo: 10, price: 200n },
  { upTo: 25, price: 100n },
  { upTo: null, price: 50n },
]
const graduated: Rate = { model: 'graduated', price: null, per: 1, tiers }
const volume: Rate = { model: 'volume', price: null, per: 1, tiers }

describe('what a rate makes of a quantity', () => {
  it.each([
    // rate, position, units, amount
    [perUnit, 0, 0, 0n],
    [perUnit, 0, 1, 2n], // 1.5 is rounded up
    [perUnit, 7, 1, 2n],
    [perUnit, 0, 3, 5n], // 4.5, not 3 × 2
    [perUnit, 0, 100, 150n],
    [graduated, 0, 10, 2000n],
    [graduated, 0, 11, 2100n],
    [graduated, 9, 1, 200n],
    [graduated, 10, 1, 100n],
    [graduated, 9, 2, 300n],
    [graduated, 0, 30, 10n * 200n + 15n * 100n + 5n * 50n],
    [graduated, 25, 4, 200n],
    [graduated, 24, 4, 250n],
    [{ ...graduated, per: 1000 }, 9, 2, 0n], // 0.2 + 0.1: one sum, one rounding
    [{ ...graduated, per: 500 }, 9, 2, 1n], // 0.4 + 0.2
    [volume, 0, 10, 2000n],
    [volume, 0, 11, 1100n], // the tier of the last unit prices the whole line
    [volume, 10, 1, 100n],
    [volume, 20, 6, 300n],
    [volume, 1000, 1, 50n],
    [pack, 0, 0, 0n],
    [pack, 0, 1, 900n],
    [pack, 0, 10, 900n],
    [pack, 0, 11, 1800n],
    [pack, 1, 9, 0n], // the begun package is paid
    [pack, 1, 10, 900n],
    [pack, 10, 1, 900n],
    [pack, 5, 26, 2700n],
    [flat, 0, 0, 0n],
    [flat, 0, 1, 70n],
    [flat, 99, 5000, 70n],
  ] as const)('%o from position %d on, %d units: %d', (rate, position, units, amount) => {
    expect(amountOf(rate, position, units)).toBe(amount)
  })

  it('prices each unit at its own tier, whatever the tiers', () => {
    fc.assert(
      fc.property(rates, fc.nat(80), fc.nat(80), (rate, position, units) => {
        fc.pre(rate.model === 'graduated' && rate.tiers !== null)
        let sum = 0n
        for (let unit = position + 1; unit <= position + units; unit++) {
          sum += rate.tiers?.find(({ upTo }) => upTo === null || unit <= upTo)?.price ?? 0n
        }
        expect(amountOf(rate, position, units)).toBe(divideHalfUp(sum, BigInt(rate.per)))
      }),
    )
  })

  it('is never negative, and never less for more units, but under volume', () => {
    fc.assert(
      fc.property(rates, fc.nat(100), fc.nat(100), fc.nat(100), (rate, position, units, more) => {
        const amount = amountOf(rate, position, units)
        expect(amount).toBeGreaterThanOrEqual(0n)
        if (rate.model !== 'volume') expect(amountOf(rate, position, units + more)).toBeGreaterThanOrEqual(amount)
      }),
    )
  })

  it('opens the same packages in one line or in many', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.nat(50), fc.array(fc.nat(30)), (per, start, quantities) => {
        let position = start
        let amount = 0n
        for (const units of quantities) {
          amount += amountOf({ ...pack, per }, position, units)
          position += units
        }
        expect(amount).toBe(amountOf({ ...pack, per }, start, position - start))
      }),
    )
  })

  it('stays exact beyond what a float can tell apart', () => {
    expect(amountOf({ model: 'per_unit', price: 10n ** 18n + 1n, per: 1, tiers: null }, 0, 9_007_199_254_740_991)).toBe(
      (10n ** 18n + 1n) * 9_007_199_254_740_991n,
    )
  })
})

describe('the bounds of a rate', () => {
  it('meet the dearest and the cheapest position for one line, and no more', () => {
    fc.assert(
      fc.property(rates, fc.nat(60), (rate, units) => {
        const span = Math.min(rate.per, 100) + 100
        const amounts = Array.from({ length: span }, (_, position) => amountOf(rate, position, units))
        const highest = largest(amounts)
        const lowest = smallest(amounts)
        // Volume's dearest tier may lie before the last unit of every window; every other rate meets its bound.
        if (rate.model === 'volume') expect(highestAmount(rate, units, 1)).toBeGreaterThanOrEqual(highest)
        else expect(highestAmount(rate, units, 1)).toBe(highest)
        expect(lowestAmount(rate, units)).toBeLessThanOrEqual(lowest)
        if (rate.model !== 'package') expect(lowestAmount(rate, units)).toBe(lowest)
      }),
      { numRuns: 500, interruptAfterTimeLimit: 10_000 },
    )
  })

  it('cover lines that are rounded one by one', () => {
    fc.assert(
      fc.property(
        rates,
        fc.nat(90),
        fc.array(fc.nat(30), { minLength: 1, maxLength: 4 }),
        (rate, start, quantities) => {
          let position = start
          let amount = 0n
          let flatPaid = false
          for (const units of quantities) {
            const line = amountOf(rate, position, units)
            if (!flatPaid) amount += line
            flatPaid ||= rate.model === 'flat' && units > 0
            position += units
          }
          const units = position - start
          expect(amount).toBeLessThanOrEqual(highestAmount(rate, units, quantities.length))
          if (units === 0) return
          const line = linearBound(rate, units, quantities.length)
          expect(highestAmount(rate, units, quantities.length)).toBeLessThanOrEqual(
            line.slope + line.step + BigInt(Math.floor(line.rounded / 2)),
          )
        },
      ),
      { numRuns: 1000, interruptAfterTimeLimit: 10_000 },
    )
  })

  it('add nothing where every amount is exact', () => {
    const exact: Rate = { model: 'per_unit', price: 150_000_000n, per: 1_000_000, tiers: null }
    expect(highestAmount(exact, 1400, 3)).toBe(210_000n)
    expect(linearBound(exact, 1400, 3)).toEqual({ slope: 210_000n, step: 0n, rounded: 0 })
  })
})
