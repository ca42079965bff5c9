import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { contentHash } from '../../src/managers/content-hash.ts'
import type { Component, Tariff } from '../../src/pricing/tariff.ts'
import { component, contractTariff, tariff, tariffs } from '../pricing/tariff-fixtures.ts'

const tiered = component({
  key: 'in',
  kind: 'input_tokens',
  model: 'graduated',
  price: null,
  tiers: [
    { upTo: 10, price: 0n },
    { upTo: null, price: 5n },
  ],
})
const plain = tariff(tiered, component({ key: 'out', kind: 'output_tokens', price: 3n, included: 7 }))
const withFirst = (change: Partial<Component>): Tariff => ({
  ...plain,
  components: plain.components.map((each, index) => (index === 0 ? { ...each, ...change } : each)),
})

describe('the hash of what a version says', () => {
  it('is 64 digits in hex, the same for the same content under other ids and another number', () => {
    expect(contentHash(contractTariff)).toMatch(/^[0-9a-f]{64}$/)
    fc.assert(
      fc.property(tariffs, (plan) => {
        const copy = { ...structuredClone(plan), planId: 'another', versionId: 'another', version: 7 }
        expect(contentHash(copy)).toBe(contentHash(plan))
      }),
    )
  })

  it.each<[string, Tariff]>([
    ['its name', { ...plain, name: 'Other' }],
    ['the currency', { ...plain, currency: 'EUR' }],
    ['the monthly price, by one nano-unit', { ...plain, pricePerMonth: plain.pricePerMonth + 1n }],
    ['the price of a seat', { ...plain, memberPrice: plain.memberPrice + 1n }],
    ['no limit of members for one of 0', { ...plain, maxTeamMembers: 0 }],
    ['no limit of members', { ...plain, maxTeamMembers: null }],
    ['the days of grace', { ...plain, graceDays: plain.graceDays + 1 }],
    ['the days until it is suspended', { ...plain, suspendAfterDays: plain.suspendAfterDays + 1 }],
    ['what a failed job pays', { ...plain, chargeOnFailure: 'finished_stages' }],
    [
      'the order of the components, in which lines are charged',
      { ...plain, components: plain.components.toReversed() },
    ],
    ['one component less', { ...plain, components: plain.components.slice(1) }],
    ['a key', withFirst({ key: 'input' })],
    ['what is measured', withFirst({ kind: 'output_tokens' })],
    ['the model of the rate', withFirst({ model: 'volume' })],
    ['a tier by one nano-unit', withFirst({ tiers: [{ upTo: 10, price: 1n }, ...(tiered.tiers?.slice(1) ?? [])] })],
    ['where a tier ends', withFirst({ tiers: [{ upTo: 11, price: 0n }, ...(tiered.tiers?.slice(1) ?? [])] })],
    ['units that a price buys', withFirst({ per: 1_000 })],
    ['included units', withFirst({ included: 1 })],
    ['a price for tiers', withFirst({ model: 'per_unit', price: 0n, tiers: null })],
  ])('changes with %s', (_what, other) => {
    expect(contentHash(other)).not.toBe(contentHash(plain))
  })

  it('is of the figures, not of how a table gave them back: the fields of a tier in another order are the same tier', () => {
    const shuffled = tiered.tiers?.map(({ upTo, price }) => ({ price, upTo })) ?? null
    expect(contentHash(withFirst({ tiers: shuffled }))).toBe(contentHash(plain))
  })
})
