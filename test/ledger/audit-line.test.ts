import { describe, expect, it } from 'vitest'
import { lineFaults } from '../../src/ledger/audit-line.ts'
import type { SettledLine } from '../../src/ledger/facts.ts'
import { priceUsage } from '../../src/pricing/price.ts'
import type { Component, Tariff } from '../../src/pricing/tariff.ts'
import type { StageUsage } from '../../src/pricing/usage.ts'
import { component } from '../support/tollkeeper.ts'

const tariffOf = (components: readonly Component[]): Tariff => ({
  planId: 'plan',
  versionId: 'version',
  version: 1,
  name: 'Plan',
  currency: 'USD',
  pricePerMonth: 0n,
  maxTeamMembers: null,
  memberPrice: 0n,
  minimumPerJob: 0n,
  chargeOnFailure: 'none',
  graceDays: 7,
  suspendAfterDays: 30,
  components,
})
const TIERS = [
  { upTo: 1_000, price: 3_000_000_000n },
  { upTo: null, price: 1_000_000_000n },
]
const llm = (key: string, fields: Partial<Component>, price: string): Component =>
  component(key, { kind: 'llm_tokens', llmModel: '*', ...fields }, price)
const TARIFF = tariffOf([
  component('input', { kind: 'input_tokens', model: 'graduated', tiers: TIERS, included: 7 }, '0'),
  component('fee', { kind: 'agent', agent: 'reader' }, '0.50'),
  llm('in', { tokenClass: 'input' }, '3.00'),
  llm('in-big', { tokenClass: 'input', llmModel: 'big' }, '9.00'),
  llm('out', { tokenClass: 'output', model: 'package', per: 100 }, '0.01'),
  component('output', { kind: 'output_tokens', model: 'flat', per: 1 }, '0.02'),
]).components.map((each) => (each.tiers ? { ...each, price: null } : each))
const PLAN = tariffOf(TARIFF)

function settled(usage: StageUsage, used = 0): SettledLine[] {
  const counter = { used, includedUsed: Math.min(used, 7), reserved: 0 }
  const counters = new Map(
    TARIFF.map(({ key, included }) => [key, included > 0 ? counter : { ...counter, includedUsed: 0 }]),
  )
  return priceUsage(PLAN, usage, counters, {}).lines.map((line) => ({ ...line, writtenOff: 0n, ledgerSeq: 1 }))
}
const INPUT: StageUsage = { kind: 'input', tokens: 1_200 }
const AGENT: StageUsage = {
  kind: 'agent',
  agent: 'reader',
  llm: [
    { model: 'big', source: 'reported', classes: { input: 50, cache_read: 3, output: 150 } },
    { model: 'small', source: 'counted', classes: { input: 20, output: 10, reasoning: 5 } },
    { model: 'tiny', source: 'counted', classes: { input: 1 } },
  ],
}

describe('pricing a stored line again', () => {
  it.each([
    ['input', INPUT, 0],
    ['input', INPUT, 900],
    ['agent.reader', AGENT, 12_345],
    ['output', { kind: 'output', tokens: 5 } as const, 3],
    ['output', { kind: 'output', tokens: 0 } as const, 0],
  ])('agrees with what settled %s', (stage, usage, used) => {
    expect(lineFaults(PLAN, stage, settled(usage, used))).toEqual([])
  })

  it('agrees where the platform bore a part', () => {
    const [line] = settled(INPUT) as [SettledLine]
    expect(lineFaults(PLAN, 'input', [{ ...line, amount: line.amount - 5n, writtenOff: 5n }])).toEqual([])
  })

  it.each<[string, Partial<SettledLine>, RegExp]>([
    ['an amount', { amount: 1n }, /charges 0.000000001 and writes 0.00 off; 1200 units cost 0.00319/],
    ['a part written off', { writtenOff: 1n }, /writes 0.000000001 off/],
    ['a position', { billedBefore: 1_000 }, /units cost/],
    ['tiers', { tiers: [{ upTo: null, price: 3_000_000_000n }] }, /another price than component input/],
    ['units per price', { per: 1_000 }, /another price/],
    ['free units', { includedUsed: 8, billedQuantity: 1_192 }, /used 8 of 7 included/],
    ['a counter', { counterAfter: 1_201 }, /moves its counter from 0 to 1201/],
    ['a component', { component: 'output' }, /is not priced by component input/],
    ['a component that is left out', { component: null }, /is not priced by component input/],
    ['a negative amount', { amount: -1n }, /negative/],
  ])('finds %s changed', (_what, change, fault) => {
    const [line] = settled(INPUT) as [SettledLine]
    expect(lineFaults(PLAN, 'input', [{ ...line, ...change }])).toEqual([expect.stringMatching(fault)])
  })

  it('misses the line of a meter and the fee of an agent', () => {
    expect(lineFaults(PLAN, 'input', [])).toEqual(['has no line for its meter'])
    const calls = settled(AGENT).filter((line) => line.kind !== 'agent')
    expect(lineFaults(PLAN, 'agent.reader', calls)).toEqual(['has no line for the fee of its agent'])
    expect(lineFaults(tariffOf([]), 'agent.reader', [])).toEqual([])
  })

  it('a flat price is owed once in a stage, and a meter without a price costs nothing', () => {
    const [line] = settled({ kind: 'output', tokens: 5 }) as [SettledLine]
    const twice = [line, { ...line, counterBefore: 5, counterAfter: 10, billedBefore: 5 }]
    expect(lineFaults(PLAN, 'output', twice)).toEqual([expect.stringMatching(/5 units cost 0.00/)])
    const free = { ...line, component: null, model: null, price: null, per: null, counterBefore: 0, counterAfter: 0 }
    expect(lineFaults(tariffOf([]), 'output', [{ ...free, amount: 0n }])).toEqual([])
    expect(lineFaults(tariffOf([]), 'output', [{ ...free, amount: 1n }])).toEqual([
      expect.stringMatching(/no price for/),
    ])
  })
})
