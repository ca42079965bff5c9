import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Counter, mergeCounters } from '../../src/pricing/counters.ts'
import { formatAmount, NANO_MAX, parseAmount } from '../../src/pricing/money.ts'
import { priceUsage } from '../../src/pricing/price.ts'
import { type BoundedStage, fitToCost, quoteStage, quoteStages } from '../../src/pricing/quote.ts'
import { component, contractTariff, tariff, tariffs } from './tariff-fixtures.ts'

const none = new Map<string, Counter>()
/** The limit of a job that was charged nothing yet. */
const within = (maxCost: bigint, outputLimit = 1024) => ({ maxCost, charged: 0n, outputLimit })

const contractStages: readonly BoundedStage[] = [
  { stage: 'input', bound: { kind: 'input', tokens: 1200 } },
  {
    stage: 'agent.summarizer',
    bound: {
      kind: 'agent',
      agent: 'summarizer',
      llm: { model: 'offline', calls: 1, promptTokens: 1400, maxOutputTokens: 1024 },
    },
  },
  { stage: 'output', bound: { kind: 'output', maxTokens: 1024 } },
]

describe('the quote of a job', () => {
  it("gives the contract's example to the nano-unit", () => {
    const quote = quoteStages(contractTariff, contractStages, none, 0n)
    const shown = quote.stages.map(({ stage, lower, upper }) => [stage, formatAmount(lower), formatAmount(upper)])
    expect(shown).toEqual([
      ['input', '0.00018', '0.00018'],
      ['agent.summarizer', '0.001', '0.0018244'],
      ['output', '0.00', '0.001024'],
    ])
    expect([formatAmount(quote.lower), formatAmount(quote.upper)]).toEqual(['0.00118', '0.0030284'])
    expect(quote.counters.size).toBe(0)
  })

  it('reserves free units stage by stage, and never promises one twice', () => {
    const plan = tariff(
      component({
        key: 'llm',
        kind: 'llm_tokens',
        price: 2n,
        per: 1,
        included: 50,
        llmModel: '*',
        tokenClass: 'input',
      }),
    )
    const stage = (name: string): BoundedStage => ({
      stage: name,
      bound: { kind: 'agent', agent: name, llm: { model: 'm', calls: 2, promptTokens: 20, maxOutputTokens: 1 } },
    })
    const given = new Map([['llm', { used: 7, includedUsed: 0, reserved: 0 }]])
    const quote = quoteStages(plan, [stage('a'), stage('b'), stage('c')], given, 0n)
    expect(quote.stages.map(({ grants, upper }) => [grants, upper])).toEqual([
      [{ llm: 40 }, 0n],
      [{ llm: 10 }, 60n],
      [{}, 80n],
    ])
    expect([...quote.counters]).toEqual([['llm', { used: 7, includedUsed: 0, reserved: 50 }]])
    expect(given.get('llm')?.reserved).toBe(0)
  })

  it('covers the dearest class, and a fee once per component that its classes can reach', () => {
    const llm = { kind: 'llm_tokens', llmModel: '*', per: 1 } as const
    const plan = tariff(
      component({ ...llm, key: 'in', price: 2n, tokenClass: 'input' }),
      component({ ...llm, key: 'read', price: 100n, model: 'flat', tokenClass: 'cache_read' }),
      component({ ...llm, key: 'write', price: 30n, per: 10, model: 'package', tokenClass: 'cache_write' }),
      component({ ...llm, key: 'out', price: 1n, tokenClass: 'output' }),
    )
    const bound = {
      kind: 'agent',
      agent: 'a',
      llm: { model: 'm', calls: 1, promptTokens: 25, maxOutputTokens: 8 },
    } as const
    // 25 at the dearest slope (a package costs 3 a unit) + the flat fee + the package begun at worst (27) + the output
    expect(quoteStage(plan, 'agent.a', bound, none).upper).toBe(75n + 100n + 27n + 8n)
    // one token: no split; whichever is dearest costs less than the steps of all
    const one = { ...bound, llm: { ...bound.llm, promptTokens: 1, maxOutputTokens: 0 } }
    expect(quoteStage(plan, 'agent.a', one, none).upper).toBeGreaterThanOrEqual(100n)
  })

  it('covers the half nano-unit that each line may be rounded up by', () => {
    const llm = { kind: 'llm_tokens', llmModel: '*', price: 1n, per: 2 } as const
    const plan = tariff(
      component({ ...llm, key: 'in', tokenClass: 'input' }),
      component({ ...llm, key: 'read', tokenClass: 'cache_read' }),
    )
    const llmBound = { model: 'm', calls: 1, promptTokens: 2, maxOutputTokens: 0 }
    const quote = quoteStage(plan, 'agent.a', { kind: 'agent', agent: 'a', llm: llmBound }, none)
    const calls = [{ model: 'm', source: 'counted', classes: { input: 1, cache_read: 1 } }] as const
    expect(priceUsage(plan, { kind: 'agent', agent: 'a', llm: calls }, none, {}).total).toBe(2n)
    expect(quote.upper).toBe(2n)
  })

  it('counts a dear tier only for the units that it can hold', () => {
    const tiers = [
      { upTo: 10, price: 100n },
      { upTo: null, price: 1n },
    ]
    const plan = tariff(component({ key: 'in', kind: 'input_tokens', model: 'graduated', tiers, per: 1 }))
    expect(quoteStage(plan, 'input', { kind: 'input', tokens: 20 }, none)).toMatchObject({ lower: 20n, upper: 1010n })
  })

  it('promises nothing certain where included units may pay for it', () => {
    const plan = tariff(component({ key: 'in', kind: 'input_tokens', price: 3n, per: 1, included: 10 }))
    const spent = new Map([['in', { used: 10, includedUsed: 10, reserved: 0 }]])
    expect(quoteStage(plan, 'input', { kind: 'input', tokens: 15 }, spent)).toEqual({
      stage: 'input',
      lower: 15n, // a failed job may give its 10 back
      upper: 45n,
      grants: {},
    })
  })

  it('stands even when a failed job gives its units back and the counter falls into a dearer tier', () => {
    const tiers = [
      { upTo: 100, price: 20n },
      { upTo: null, price: 1n },
    ]
    const plan = tariff(component({ key: 'in', kind: 'input_tokens', model: 'graduated', tiers, per: 1 }))
    const other = priceUsage(plan, { kind: 'input', tokens: 100 }, none, {})
    const quote = quoteStage(plan, 'input', { kind: 'input', tokens: 10 }, other.counters)
    // the other job fails and is reversed: the counter is back at 0
    expect(priceUsage(plan, { kind: 'input', tokens: 10 }, none, {}).total).toBeLessThanOrEqual(quote.upper)
  })

  it('saturates where no balance could pay', () => {
    const plan = tariff(component({ key: 'in', kind: 'input_tokens', price: NANO_MAX, per: 1 }))
    const stage: BoundedStage = { stage: 'input', bound: { kind: 'input', tokens: 1_000_000 } }
    expect(quoteStages(plan, [stage, stage], none, 0n)).toMatchObject({ lower: NANO_MAX, upper: NANO_MAX })
  })

  it('refuses a bound that is no count', () => {
    for (const tokens of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => quoteStage(contractTariff, 'output', { kind: 'output', maxTokens: tokens }, none)).toThrow(
        'Invariant',
      )
    }
  })
})

describe('fitting a job to its max_cost', () => {
  it('changes nothing that fits', () => {
    expect(fitToCost(contractTariff, contractStages, none, within(parseAmount('0.0030284')))).toBe(contractStages)
  })

  it('shrinks calls and output by the same limit, to the last token that fits', () => {
    // 0.00018 + 0.001 + 0.00021 are certain; a token of limit costs 600 + 1,000 nano-units
    const fixed = parseAmount('0.00139')
    const stages = fitToCost(contractTariff, contractStages, none, within(fixed + 1_600n * 700n + 1_599n))
    expect(stages?.map(({ bound }) => bound)).toEqual([
      { kind: 'input', tokens: 1200 },
      {
        kind: 'agent',
        agent: 'summarizer',
        llm: { model: 'offline', calls: 1, promptTokens: 1400, maxOutputTokens: 700 },
      },
      { kind: 'output', maxTokens: 700 },
    ])
    expect(fitToCost(contractTariff, contractStages, none, within(fixed + 1_600n))?.[2]?.bound).toEqual({
      kind: 'output',
      maxTokens: 1,
    })
    expect(fitToCost(contractTariff, contractStages, none, within(fixed + 1_599n))).toBeNull()
  })

  it('keeps a share of the output for each agent of the last step', () => {
    const stages: BoundedStage[] = [{ stage: 'output', bound: { kind: 'output', maxTokens: 3 * 1024 } }]
    expect(fitToCost(contractTariff, stages, none, within(3_000n * 100n))?.[0]?.bound).toEqual({
      kind: 'output',
      maxTokens: 300,
    })
  })

  it('never shrinks an output to nothing', () => {
    const stages: BoundedStage[] = [{ stage: 'output', bound: { kind: 'output', maxTokens: 3 } }]
    expect(fitToCost(contractTariff, stages, none, within(1_000n))?.[0]?.bound).toEqual({
      kind: 'output',
      maxTokens: 1,
    })
    expect(fitToCost(contractTariff, stages, none, within(999n))).toBeNull()
  })

  it('finds the largest limit that fits, whatever the tariff', () => {
    const limits = fc.integer({ min: 1, max: 12 })
    fc.assert(
      fc.property(
        tariffs,
        limits,
        limits,
        fc.integer({ min: 1, max: 2 }),
        fc.nat(2000),
        (plan, own, outputLimit, agents, cost) => {
          const llm = (limit: number) => ({
            model: 'm1',
            calls: 2,
            promptTokens: 5,
            maxOutputTokens: Math.min(own, limit),
          })
          const stages = (limit: number): BoundedStage[] => [
            { stage: 'agent.a', bound: { kind: 'agent', agent: 'a', llm: llm(limit) } },
            { stage: 'output', bound: { kind: 'output', maxTokens: agents * Math.min(outputLimit, limit) } },
          ]
          const upper = (limit: number) => quoteStages(plan, stages(limit), none, 0n).upper
          const all = Array.from({ length: 12 }, (_, index) => index + 1)
          const best = all.filter((limit) => upper(limit) <= BigInt(cost)).at(-1)
          const fitted = fitToCost(plan, stages(12), none, within(BigInt(cost), outputLimit))
          expect(fitted).toEqual(best === undefined ? null : stages(best))
          for (const limit of all) expect(upper(limit + 1)).toBeGreaterThanOrEqual(upper(limit))
        },
      ),
      { numRuns: 300, interruptAfterTimeLimit: 10_000 },
    )
  })

  it('sees the free units that are left', () => {
    const plan = tariff(component({ key: 'out', kind: 'output_tokens', price: 1n, per: 1, included: 50 }))
    const stages: BoundedStage[] = [{ stage: 'output', bound: { kind: 'output', maxTokens: 100 } }]
    const some = mergeCounters(none, new Map([['out', { used: 9, includedUsed: 0, reserved: 20 }]]))
    expect(fitToCost(plan, stages, some, within(10n, 100))?.[0]?.bound).toEqual({ kind: 'output', maxTokens: 40 })
  })
})
