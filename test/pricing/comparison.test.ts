import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareVersions } from '../../src/pricing/comparison.ts'
import type { Component } from '../../src/pricing/tariff.ts'
import { component, tariff, tariffs } from './tariff-fixtures.ts'

const TIERS = [
  { upTo: 10, price: 5n },
  { upTo: null, price: 2n },
]
const input = (fields: Partial<Component>) => component({ key: 'in', kind: 'input_tokens', per: 1, ...fields })
const rates: Readonly<Record<string, Component>> = {
  'per unit': input({ price: 3n }),
  'per million': input({ price: 3n, per: 1_000_000 }),
  included: input({ price: 3n, included: 20 }),
  'all included': input({ price: 3n, included: 25 }),
  graduated: input({ model: 'graduated', price: null, tiers: TIERS }),
  volume: input({ model: 'volume', price: null, tiers: TIERS }),
  package: input({ model: 'package', price: 7n, per: 10 }),
  flat: input({ model: 'flat', price: 9n }),
}

describe('what the use of a period costs by two versions', () => {
  it.each([
    // 25 units | old amount | new amount | difference
    ['per unit', 'included', 75n, 15n, -60n],
    ['included', 'per unit', 15n, 75n, 60n],
    ['per unit', 'all included', 75n, 0n, -75n],
    ['per unit', 'graduated', 75n, 10n * 5n + 15n * 2n, 5n],
    ['per unit', 'volume', 75n, 25n * 2n, -25n],
    ['per unit', 'package', 75n, 3n * 7n, -54n],
    ['per unit', 'flat', 75n, 9n, -66n],
    ['flat', 'package', 9n, 21n, 12n],
    ['per million', 'per million', 0n, 0n, 0n],
  ])('of 25 units, %s against %s', (old, next, amountAtOld, amountAtNew, difference) => {
    const [before, after] = [rates[old], rates[next]] as [Component, Component]
    const use = { component: 'in', used: 25, includedUsed: 4 }
    expect(compareVersions(tariff(before), tariff(after), [use])).toEqual({
      uses: [{ ...use, amountAtOld, amountAtNew }],
      difference,
    })
  })

  it('finds the new price by what is measured, not by its key', () => {
    const renamed = tariff(
      input({ key: 'words', price: 4n }),
      component({ key: 'in', kind: 'output_tokens', price: 99n, per: 1 }),
    )
    const { uses } = compareVersions(tariff(input({ price: 3n })), renamed, [
      { component: 'in', used: 10, includedUsed: 0 },
    ])
    expect(uses).toMatchObject([{ amountAtOld: 30n, amountAtNew: 40n }])
  })

  it('says nothing where a version has no price, and counts it as 0', () => {
    const gone = compareVersions(tariff(input({ price: 3n })), tariff(), [
      { component: 'in', used: 10, includedUsed: 0 },
    ])
    expect(gone).toMatchObject({ uses: [{ amountAtOld: 30n, amountAtNew: null }], difference: -30n })
    // Used on a version before the last one, whose component the present one does not have any more.
    const back = compareVersions(tariff(), tariff(input({ price: 3n })), [
      { component: 'in', used: 10, includedUsed: 0 },
      { component: 'lost', used: 5, includedUsed: 0 },
    ])
    expect(back.uses.map(({ amountAtOld, amountAtNew }) => [amountAtOld, amountAtNew])).toEqual([
      [null, 30n],
      [null, null],
    ])
    expect(back.difference).toBe(30n)
  })

  it('is nothing between two versions that say the same, whatever was used', () => {
    fc.assert(
      fc.property(tariffs, fc.array(fc.nat(10_000), { maxLength: 20 }), (plan, used) => {
        const uses = plan.components.map(({ key }, index) => ({
          component: key,
          used: used[index] ?? 1,
          includedUsed: 0,
        }))
        const { uses: compared, difference } = compareVersions(plan, { ...plan, version: 2 }, uses)
        expect(difference).toBe(0n)
        expect(compared.every(({ amountAtOld, amountAtNew }) => amountAtOld === amountAtNew)).toBe(true)
      }),
    )
  })
})
