import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { publishErrors } from '../../src/pricing/publish.ts'
import type { Component, Tier } from '../../src/pricing/tariff.ts'
import { component, contractTariff, tariff, tariffs } from './tariff-fixtures.ts'

const found = (...components: Component[]) =>
  publishErrors(tariff(...components)).map(({ pointer, code }) => `${pointer} ${code}`)
const tiered = (tiers: readonly Tier[] | null) =>
  component({ key: 'in', kind: 'input_tokens', model: 'graduated', price: null, tiers })
const tier = (upTo: number | null, price = 1n): Tier => ({ upTo, price })
const input = component({ key: 'in', kind: 'input_tokens' })
const llm = component({ key: 'llm', kind: 'llm_tokens', llmModel: '*', tokenClass: 'input' })

describe('what publishing refuses', () => {
  it('nothing of a tariff that can be priced', () => {
    expect(publishErrors(contractTariff)).toEqual([])
    expect(found()).toEqual([])
    expect(found(tiered([tier(10), tier(11), tier(null)]))).toEqual([])
    expect(found(llm, { ...llm, key: 'b', llmModel: 'm' }, { ...llm, key: 'c', tokenClass: 'output' })).toEqual([])
    fc.assert(fc.property(tariffs, (plan) => void expect(publishErrors(plan)).toEqual([])))
  })

  it.each<[string, Component[], string[]]>([
    ['no tier', [tiered([])], ['/components/0/tiers invalid-tiers']],
    ['tiers missing', [tiered(null)], ['/components/0/tiers invalid-tiers']],
    ['a last tier that ends', [tiered([tier(10)])], ['/components/0/tiers/0/up_to invalid-tiers']],
    ['an endless tier in between', [tiered([tier(null), tier(null)])], ['/components/0/tiers/0/up_to invalid-tiers']],
    ['tiers out of order', [tiered([tier(10), tier(5), tier(null)])], ['/components/0/tiers/1/up_to invalid-tiers']],
    [
      'two tiers with one end',
      [tiered([tier(10), tier(10), tier(null)])],
      ['/components/0/tiers/1/up_to invalid-tiers'],
    ],
    ['a tier that ends at 0', [tiered([tier(0), tier(null)])], ['/components/0/tiers/0/up_to invalid-tiers']],
    ['half a unit', [tiered([tier(1.5), tier(null)])], ['/components/0/tiers/0/up_to invalid-tiers']],
    ['a negative tier', [tiered([tier(1, -1n), tier(null)])], ['/components/0/tiers/0/price invalid-value']],
    [
      '101 tiers',
      [tiered([...Array.from({ length: 100 }, (_, i) => tier(i + 1)), tier(null)])],
      ['/components/0/tiers invalid-tiers'],
    ],
    ['price and tiers', [{ ...tiered([tier(null)]), price: 1n }], ['/components/0/price invalid-value']],
    ['tiers of a plain rate', [{ ...input, tiers: [tier(null)] }], ['/components/0/tiers invalid-tiers']],
    ['no price', [{ ...input, price: null }], ['/components/0/price required']],
    ['a negative price', [{ ...input, price: -1n }], ['/components/0/price invalid-value']],
    ['per 0', [{ ...input, per: 0 }], ['/components/0/per invalid-value']],
    ['a broken included', [{ ...input, included: 0.5 }], ['/components/0/included invalid-value']],
    ['one key twice', [input, { ...llm, key: 'in' }], ['/components/1/key duplicate-key']],
    ['the name of the minimum', [{ ...input, key: 'minimum' }], ['/components/0/key duplicate-key']],
    ['one meter twice', [input, { ...input, key: 'b' }], ['/components/1/kind invalid-value']],
    ['one class twice', [llm, { ...llm, key: 'b' }], ['/components/1/token_class invalid-value']],
    ['an LLM price for no class', [{ ...llm, tokenClass: null }], ['/components/0/token_class required']],
    ['an LLM price for no model', [{ ...llm, llmModel: null }], ['/components/0/llm_model required']],
    ['a class of the input', [{ ...input, tokenClass: 'input' }], ['/components/0/token_class invalid-value']],
    [
      'an agent of a feature',
      [component({ key: 'f', kind: 'feature', feature: 'f', agent: 'a' })],
      ['/components/0/agent invalid-value'],
    ],
    [
      'one agent twice, one feature twice',
      [
        component({ key: 'a', kind: 'agent', agent: 'x' }),
        component({ key: 'b', kind: 'agent', agent: 'x' }),
        component({ key: 'c', kind: 'feature', feature: 'x' }),
        component({ key: 'd', kind: 'feature', feature: 'x' }),
      ],
      ['/components/1/agent invalid-value', '/components/3/feature invalid-value'],
    ],
  ])('%s', (_name, components, errors) => {
    expect(found(...components)).toEqual(errors)
  })

  it('names every error at once, with a sentence that says what to do', () => {
    const errors = publishErrors(tariff({ ...input, per: 0, price: null }, { ...llm, key: 'in', agent: 'x' }))
    expect(errors.map(({ pointer }) => pointer)).toEqual([
      '/components/0/per',
      '/components/0/price',
      '/components/1/agent',
      '/components/1/key',
    ])
    for (const { detail } of errors) expect(detail).toMatch(/^(Give|Leave|Choose|Remove) /)
  })
})
