import { describe, expect, it } from 'vitest'
import type { Counter } from '../../src/pricing/counters.ts'
import { llmComponent } from '../../src/pricing/match.ts'
import { formatAmount } from '../../src/pricing/money.ts'
import { priceQuantity, priceUsage, tariffWarnings, unpricedClasses } from '../../src/pricing/price.ts'
import { amountOf } from '../../src/pricing/rates.ts'
import { type StageUsage, tokensOf } from '../../src/pricing/usage.ts'
import { component, contractTariff, tariff } from './tariff-fixtures.ts'

const none = new Map<string, Counter>()
const counters = (key: string, counter: Partial<Counter>) =>
  new Map([[key, { used: 0, includedUsed: 0, reserved: 0, ...counter }]])

describe('the price of a stage', () => {
  const agentUsage: StageUsage = {
    kind: 'agent',
    agent: 'summarizer',
    llm: [{ model: 'offline', source: 'counted', classes: { input: 1300, output: 200 } }],
  }

  it("charges the contract's example to the nano-unit", () => {
    const stages: StageUsage[] = [{ kind: 'input', tokens: 1200 }, agentUsage, { kind: 'output', tokens: 180 }]
    const priced = stages.map((usage) => priceUsage(contractTariff, usage, none, {}))
    expect(priced.map(({ total }) => formatAmount(total))).toEqual(['0.00018', '0.001315', '0.00018'])
    expect(priced[1]?.lines.map(({ amount }) => formatAmount(amount))).toEqual(['0.001', '0.000195', '0.00012'])
    expect(formatAmount(priced.reduce((sum, { total }) => sum + total, 0n))).toBe('0.001675')
    expect(stages.map(tokensOf)).toEqual([1200, 1500, 180])
  })

  it('explains a line from the tokens to the amount', () => {
    const { lines, counters: after } = priceUsage(contractTariff, { kind: 'input', tokens: 1200 }, none, {})
    expect(lines).toEqual([
      {
        component: 'input',
        kind: 'input_tokens',
        model: 'per_unit',
        llmModel: null,
        tokenClass: null,
        quantity: 1200,
        source: 'counted',
        includedUsed: 0,
        billedQuantity: 1200,
        price: 150_000_000n,
        per: 1_000_000,
        tiers: null,
        counterBefore: 0,
        counterAfter: 1200,
        billedBefore: 0,
        amount: 180_000n,
      },
    ])
    expect([...after]).toEqual([['input', { used: 1200, includedUsed: 0, reserved: 0 }]])
  })

  it('sums the calls of a stage before it prices and rounds them', () => {
    const third = tariff(
      component({ key: 'llm', kind: 'llm_tokens', price: 1n, per: 3, llmModel: '*', tokenClass: 'input' }),
    )
    const call = { model: 'm', source: 'reported', classes: { input: 1 } } as const
    const { lines, total } = priceUsage(third, { kind: 'agent', agent: 'a', llm: [call, call, call] }, none, {})
    expect(lines).toMatchObject([{ quantity: 3, source: 'reported', llmModel: 'm', amount: 1n }])
    expect(total).toBe(1n)
  })

  it('bills each token in one class only: reasoning is no output, a cached token is no input', () => {
    const byClass = tariff(
      ...(['input', 'cache_read', 'cache_write', 'output', 'reasoning'] as const).map((tokenClass, index) => {
        const price = 10n ** BigInt(index)
        return component({ key: tokenClass, kind: 'llm_tokens', price, per: 1, llmModel: '*', tokenClass })
      }),
    )
    const classes = { input: 1, cache_read: 2, cache_write: 3, output: 4, reasoning: 5 }
    const call = { model: 'm', source: 'reported', classes } as const
    const { lines, total } = priceUsage(byClass, { kind: 'agent', agent: 'a', llm: [call] }, none, {})
    expect(lines.map(({ tokenClass, quantity }) => [tokenClass, quantity])).toEqual(Object.entries(classes))
    expect(total).toBe(54_321n)
  })

  it('names two models of one component `*`, and calls them counted unless all were reported', () => {
    const usage: StageUsage = {
      kind: 'agent',
      agent: 'other',
      llm: [
        { model: 'm1', source: 'reported', classes: { input: 10, output: 5 } },
        { model: 'm2', source: 'counted', classes: { input: 20, output: 0 } },
      ],
    }
    const { lines } = priceUsage(contractTariff, usage, none, {})
    expect(lines).toMatchObject([
      { component: 'llm-in', tokenClass: 'input', quantity: 30, llmModel: '*', source: 'counted' },
      { component: 'llm-out', tokenClass: 'output', quantity: 5, llmModel: 'm1', source: 'reported' },
    ])
  })

  it('does not depend on the order of the calls', () => {
    const plan = tariff(
      component({
        key: 'm1',
        kind: 'llm_tokens',
        model: 'package',
        price: 9n,
        per: 10,
        llmModel: 'm1',
        tokenClass: 'input',
      }),
      component({ key: 'any', kind: 'llm_tokens', price: 7n, per: 2, llmModel: '*', tokenClass: 'input' }),
    )
    const calls = [
      { model: 'm2', source: 'counted', classes: { input: 3, cache_read: 4 } },
      { model: 'm1', source: 'counted', classes: { cache_write: 12, input: 5 } },
      { model: 'm3', source: 'counted', classes: { input: 1 } },
    ] as const
    const priced = priceUsage(plan, { kind: 'agent', agent: 'a', llm: calls }, none, {})
    expect(priceUsage(plan, { kind: 'agent', agent: 'a', llm: calls.toReversed() }, none, {})).toEqual(priced)
    expect(priced.lines.map((line) => [line.component, line.tokenClass, line.quantity])).toEqual([
      ['m1', 'input', 5],
      ['any', 'input', 4],
      ['any', 'cache_read', 4],
      ['m1', 'cache_write', 12],
    ])
  })

  it('charges a flat component once per stage, however many classes fall back to it', () => {
    const plan = tariff(
      component({
        key: 'flat',
        kind: 'llm_tokens',
        model: 'flat',
        price: 70n,
        included: 2,
        llmModel: '*',
        tokenClass: 'input',
      }),
    )
    const llm = [{ model: 'm', source: 'counted', classes: { input: 2, cache_read: 5, cache_write: 5 } }] as const
    const { lines, total } = priceUsage(plan, { kind: 'agent', agent: 'a', llm }, none, {})
    expect(lines.map(({ amount }) => amount)).toEqual([0n, 70n, 0n])
    expect(total).toBe(70n)
  })

  it('bills what no component prices at zero, in a line of its own', () => {
    const { lines, total, counters: after } = priceUsage(tariff(), { kind: 'output', tokens: 9 }, none, {})
    expect(lines).toMatchObject([{ component: null, model: null, price: null, quantity: 9, amount: 0n }])
    expect([total, after.size]).toEqual([0n, 0])
    expect(priceUsage(tariff(), { kind: 'agent', agent: 'free', llm: [] }, none, {})).toMatchObject({
      lines: [],
      total: 0n,
    })
  })

  it('leaves the counters that it was given, and returns only those that it touched', () => {
    const given = new Map([...counters('input', { used: 5 }), ...counters('output', { used: 7, reserved: 3 })])
    const { counters: after } = priceUsage(contractTariff, { kind: 'input', tokens: 1 }, given, {})
    expect([...after]).toEqual([['input', { used: 6, includedUsed: 0, reserved: 0 }]])
    expect(given.get('input')).toEqual({ used: 5, includedUsed: 0, reserved: 0 })
  })

  it('gives back the whole grant of a stage, used or not, even of a component without a line', () => {
    const given = new Map([...counters('input', { reserved: 40 }), ...counters('other', { reserved: 9 })])
    const { counters: after } = priceUsage(contractTariff, { kind: 'input', tokens: 10 }, given, {
      input: 30,
      other: 4,
    })
    expect(Object.fromEntries(after)).toEqual({
      input: { used: 10, includedUsed: 10, reserved: 10 },
      other: { used: 0, includedUsed: 0, reserved: 5 },
    })
  })

  it('counts positions in billed units, so that a line can be recomputed from itself', () => {
    const tiers = [
      { upTo: 10, price: 5n },
      { upTo: null, price: 1n },
    ]
    const plan = tariff(
      component({ key: 'in', kind: 'input_tokens', model: 'graduated', tiers, per: 1, included: 100 }),
    )
    const { lines } = priceUsage(
      plan,
      { kind: 'input', tokens: 20 },
      counters('in', { used: 103, includedUsed: 95 }),
      {},
    )
    const [line] = lines
    expect(line).toMatchObject({
      counterBefore: 103,
      counterAfter: 123,
      billedBefore: 8,
      includedUsed: 5,
      billedQuantity: 15,
    })
    expect(line?.amount).toBe(2n * 5n + 13n * 1n)
    const [rate] = plan.components
    expect(rate && line && amountOf(rate, line.billedBefore, line.billedQuantity)).toBe(line?.amount)
  })

  it('refuses a quantity that is no count', () => {
    for (const tokens of [-1, 0.5, Number.NaN, 2 ** 53]) {
      expect(() => priceUsage(contractTariff, { kind: 'input', tokens }, none, {})).toThrow('Invariant')
    }
  })
})

describe('included units', () => {
  const meter = component({ key: 'in', kind: 'input_tokens', price: 3n, per: 1, included: 100 })

  it.each([
    // quantity, used, includedUsed, reserved, grant: free, billed
    [30, 0, 0, 0, 0, 30, 0],
    [100, 0, 0, 0, 0, 100, 0],
    [101, 0, 0, 0, 0, 100, 1],
    [30, 90, 90, 0, 0, 10, 20],
    [30, 500, 100, 0, 0, 0, 30],
    [30, 0, 0, 100, 0, 0, 30],
    [30, 0, 0, 95, 0, 5, 25],
    [30, 80, 80, 20, 20, 20, 10],
    [30, 60, 60, 20, 20, 30, 0],
    [10, 80, 80, 20, 20, 10, 0],
    [0, 0, 0, 50, 20, 0, 0],
    // a grant holds even where a smaller `included` came with another version
    [30, 200, 200, 20, 20, 20, 10],
  ])(
    '%d units at used %d, free used %d, reserved %d, grant %d: %d free, %d billed',
    (quantity, used, includedUsed, reserved, grant, free, billed) => {
      const priced = priceQuantity(meter, quantity, { used, includedUsed, reserved }, grant)
      expect([priced.includedUsed, priced.billedQuantity, priced.amount]).toEqual([free, billed, BigInt(billed) * 3n])
      const spent = Math.min(grant, quantity)
      expect(priced.counter).toEqual({
        used: used + quantity,
        includedUsed: includedUsed + free,
        reserved: reserved - spent,
      })
      expect(priced.grantLeft).toBe(grant - spent)
    },
  )
})

describe('which component prices a token class', () => {
  const llm = (key: string, llmModel: string, tokenClass: 'input' | 'cache_read' | 'output' | 'reasoning') =>
    component({ key, kind: 'llm_tokens', llmModel, tokenClass })
  const plan = tariff(
    llm('any-in', '*', 'input'),
    llm('any-out', '*', 'output'),
    llm('any-read', '*', 'cache_read'),
    llm('m-in', 'm', 'input'),
    llm('r-reason', 'r', 'reasoning'),
  )

  it.each([
    ['m', 'input', 'm-in'],
    ['x', 'input', 'any-in'],
    ['m', 'cache_read', 'any-read'], // the class decides before the model
    ['m', 'cache_write', 'm-in'], // falls back to the model's own input
    ['x', 'cache_write', 'any-in'],
    ['m', 'output', 'any-out'],
    ['m', 'reasoning', 'any-out'],
    ['r', 'reasoning', 'r-reason'],
  ] as const)('%s, %s: %s', (model, tokenClass, key) => {
    expect(llmComponent(plan, model, tokenClass)?.key).toBe(key)
  })

  it('finds nothing for a model that the plan does not know', () => {
    const own = tariff(llm('m-in', 'm', 'input'), llm('m-out', 'm', 'output'))
    expect(llmComponent(own, 'x', 'reasoning')).toBeNull()
    expect([unpricedClasses(own, 'm'), unpricedClasses(own, 'x')]).toEqual([[], ['input', 'output']])
  })

  it('calls a model unpriced when only its input or only its output has a price, and none in a plan without prices', () => {
    expect(unpricedClasses(tariff(llm('m-in', 'm', 'input')), 'm')).toEqual(['output'])
    expect(unpricedClasses(tariff(llm('m-out', '*', 'output')), 'm')).toEqual(['input'])
    expect(unpricedClasses(tariff(), 'm')).toEqual([])
    expect(unpricedClasses(contractTariff, 'anything')).toEqual([])
  })

  it('warns of each meter that is billed at zero, and of no other', () => {
    expect(tariffWarnings(contractTariff)).toEqual([])
    expect(tariffWarnings(tariff(component({ key: 'out', kind: 'output_tokens' })))).toEqual([
      { code: 'unpriced-meter', detail: 'input_tokens are billed at zero' },
      { code: 'unpriced-meter', detail: 'llm_tokens are billed at zero' },
    ])
  })
})
