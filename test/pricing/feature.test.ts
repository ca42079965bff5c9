import { describe, expect, it } from 'vitest'
import type { Counter } from '../../src/pricing/counters.ts'
import { priceUsage } from '../../src/pricing/price.ts'
import type { Component } from '../../src/pricing/tariff.ts'
import { component, contractTariff, tariff } from './tariff-fixtures.ts'

const TIERS = [
  { upTo: 10, price: 5n },
  { upTo: null, price: 2n },
]
const PRICES: Readonly<Record<string, Partial<Component>>> = {
  per_unit: { price: 7n },
  'per_unit, per 3': { price: 10n, per: 3 },
  graduated: { model: 'graduated', tiers: TIERS },
  volume: { model: 'volume', tiers: TIERS },
  package: { model: 'package', price: 100n, per: 10 },
  flat: { model: 'flat', price: 50n },
}

const NONE: Counter = { used: 0, includedUsed: 0, reserved: 0 }

/** rate | included | counter before | quantity || free | amount | counter after: used, free, promised */
const STORIES: readonly (readonly [string, number, Partial<Counter>, number, number, bigint, string])[] = [
  ['per_unit', 0, {}, 3, 0, 21n, '3 0 0'],
  ['per_unit', 0, { used: 9 }, 1, 0, 7n, '10 0 0'],
  ['per_unit, per 3', 0, {}, 2, 0, 7n, '2 0 0'],
  ['per_unit', 5, {}, 3, 3, 0n, '3 3 0'],
  ['per_unit', 5, { used: 3, includedUsed: 3 }, 3, 2, 7n, '6 5 0'],
  ['per_unit', 5, { used: 9, includedUsed: 5 }, 1, 0, 7n, '10 5 0'],
  // What jobs were promised is not given away, and stays promised.
  ['per_unit', 5, { reserved: 5 }, 3, 0, 21n, '3 0 5'],
  ['per_unit', 5, { used: 1, includedUsed: 1, reserved: 3 }, 3, 1, 14n, '4 2 3'],
  ['graduated', 0, { used: 8 }, 4, 0, 14n, '12 0 0'],
  ['graduated', 4, { used: 12, includedUsed: 4 }, 4, 0, 14n, '16 4 0'],
  ['volume', 0, { used: 8 }, 2, 0, 10n, '10 0 0'],
  ['volume', 0, { used: 8 }, 3, 0, 6n, '11 0 0'],
  ['package', 0, {}, 1, 0, 100n, '1 0 0'],
  ['package', 0, { used: 1 }, 9, 0, 0n, '10 0 0'],
  ['package', 0, { used: 9 }, 12, 0, 200n, '21 0 0'],
  ['flat', 0, {}, 1, 0, 50n, '1 0 0'],
  ['flat', 0, { used: 7 }, 9, 0, 50n, '16 0 0'],
  ['flat', 4, {}, 4, 4, 0n, '4 4 0'],
  ['flat', 4, {}, 5, 4, 50n, '5 4 0'],
]

describe('the price of a feature', () => {
  it.each(STORIES)('%s, %i included, counter %j: %i cost', (rate, included, before, quantity, free, amount, after) => {
    const ocr = component({ key: 'ocr', kind: 'feature', feature: 'ocr-page', included, ...PRICES[rate] })
    const counters = new Map([['ocr', { ...NONE, ...before }]])
    const usage = { kind: 'feature', feature: 'ocr-page', quantity } as const
    const priced = priceUsage(tariff(ocr), usage, counters, {})
    expect(priced.lines).toMatchObject([
      {
        component: 'ocr',
        kind: 'feature',
        quantity,
        source: 'counted',
        includedUsed: free,
        billedQuantity: quantity - free,
        counterBefore: before.used ?? 0,
        counterAfter: (before.used ?? 0) + quantity,
        amount,
      },
    ])
    expect(priced.total).toBe(amount)
    const counter = priced.counters.get('ocr')
    expect(`${counter?.used} ${counter?.includedUsed} ${counter?.reserved}`).toBe(after)
  })

  it('is nothing where the tariff has no component for it, and no counter moves', () => {
    const priced = priceUsage(contractTariff, { kind: 'feature', feature: 'input', quantity: 3 }, new Map(), {})
    expect(priced.lines).toMatchObject([{ component: null, kind: 'feature', quantity: 3, billedQuantity: 3 }])
    expect([priced.total, priced.counters.size]).toEqual([0n, 0])
  })
})
