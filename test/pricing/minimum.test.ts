import { describe, expect, it } from 'vitest'
import { BatchQuote } from '../../src/pricing/batch-quote.ts'
import type { Counter } from '../../src/pricing/counters.ts'
import { limitTooLow, minimumLine, shortfallOf } from '../../src/pricing/minimum.ts'
import { type BoundedStage, fitToCost, quoteStages } from '../../src/pricing/quote.ts'
import { component, tariff } from './tariff-fixtures.ts'

const none = new Map<string, Counter>()
/** One nano-unit for each token, ten for the agent. */
const components = [
  component({ key: 'in', kind: 'input_tokens', price: 1n, per: 1 }),
  component({ key: 'fee', kind: 'agent', price: 10n, agent: 'a' }),
  component({ key: 'out', kind: 'output_tokens', price: 1n, per: 1 }),
]
const planOf = (minimumPerJob: bigint) => ({ ...tariff(...components), minimumPerJob })

const INPUT: BoundedStage = { stage: 'input', bound: { kind: 'input', tokens: 5 } }
const AGENT: BoundedStage = { stage: 'agent.a', bound: { kind: 'agent', agent: 'a', llm: null } }
const OUTPUT: BoundedStage = { stage: 'output', bound: { kind: 'output', maxTokens: 40 } }
const JOB = [INPUT, AGENT, OUTPUT]

describe('the minimum of a job', () => {
  it('is one line of what is lacking, and none where nothing is', () => {
    const plan = planOf(100n)
    expect(minimumLine(plan, 99n)).toMatchObject({ component: 'minimum', kind: 'minimum', price: 100n, amount: 1n })
    expect(minimumLine(plan, 0n)?.amount).toBe(100n)
    for (const charged of [100n, 101n]) expect(minimumLine(plan, charged)).toBeNull()
    expect(minimumLine(planOf(0n), 0n)).toBeNull()
    expect([0n, 99n, 100n, 101n].map((amount) => shortfallOf(plan, amount))).toEqual([100n, 1n, 0n, 0n])
  })

  it.each<[string, bigint, readonly BoundedStage[], bigint, [lower: bigint, upper: bigint], [bigint, bigint]]>([
    // what | minimum | unfinished stages | charged before | the output's own quote | the job's
    ['without a minimum', 0n, JOB, 0n, [0n, 40n], [15n, 55n]],
    ['that may cost more, and may cost less', 30n, JOB, 0n, [15n, 40n], [30n, 55n]],
    ['that can cost just that', 55n, JOB, 0n, [40n, 40n], [55n, 55n]],
    ['that cannot cost so much', 100n, JOB, 0n, [85n, 85n], [100n, 100n]],
    ['that has paid a part of it', 100n, [AGENT, OUTPUT], 5n, [85n, 85n], [95n, 95n]],
    ['that has paid all but one unit of it', 100n, [OUTPUT], 99n, [1n, 40n], [1n, 40n]],
    ['that has paid all of it', 100n, [OUTPUT], 100n, [0n, 40n], [0n, 40n]],
  ])('is quoted with the output of a job %s', (_what, minimum, stages, charged, output, job) => {
    const quote = quoteStages(planOf(minimum), stages, none, charged)
    const own = quote.stages.find(({ stage }) => stage === 'output')
    expect([own?.lower, own?.upper]).toEqual(output)
    expect([quote.lower, quote.upper]).toEqual(job)
    expect(quote.upper).toBe(quote.stages.reduce((sum, { upper }) => sum + upper, 0n))
    expect(quote.lower).toBe(quote.stages.reduce((sum, { lower }) => sum + lower, 0n))
  })

  it('is not quoted again once the output is charged', () => {
    expect(quoteStages(planOf(100n), [AGENT], none, 20n)).toMatchObject({ lower: 10n, upper: 10n })
  })

  it('fits no limit below it, and shrinks nothing that a limit covers', () => {
    const plan = planOf(100n)
    const limit = (maxCost: bigint, charged = 0n) => ({ maxCost, charged, outputLimit: 40 })
    expect(fitToCost(plan, JOB, none, limit(99n))).toBeNull()
    expect(fitToCost(plan, JOB, none, limit(100n))).toBe(JOB)
    expect(fitToCost(plan, [AGENT, OUTPUT], none, limit(99n, 5n)), 'a part is paid').toBeNull()
    expect(fitToCost(plan, [AGENT, OUTPUT], none, limit(100n, 5n))).toHaveLength(2)
    const low = planOf(20n)
    expect(fitToCost(low, JOB, none, limit(20n))?.[2]?.bound).toEqual({ kind: 'output', maxTokens: 5 })
  })

  it('is what a limit below it is told about; another limit is told about the run', () => {
    expect(limitTooLow(planOf(1_500_000_000n), 1_499_999_999n)).toBe(
      'max_cost is below the minimum of 1.50 USD per job; raise it',
    )
    expect(limitTooLow(planOf(100n), 100n)).toMatch(/smallest possible run/)
  })

  it('is held for each text of a list', () => {
    const terms = { counters: none, held: 0n, blocked: null, limitLeft: null, maxCost: null, outputLimit: 40 }
    const batch = new BatchQuote({ ...terms, tariff: planOf(100n), spendable: 250n })
    const listed = [batch.add(JOB), batch.add(JOB), batch.add(JOB)]
    expect(listed.map(({ quote, notStarted }) => [quote.upper, notStarted])).toEqual([
      [100n, null],
      [100n, null],
      [100n, 'held_by_others'],
    ])
    expect(batch.sum()).toMatchObject({ fitting: 2, fittingAtMost: 2, lower: 300n, upper: 300n, missing: 50n })
  })
})
