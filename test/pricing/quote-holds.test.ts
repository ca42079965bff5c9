import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Counters,
  counterOf,
  type Grants,
  mergeCounters,
  releaseGrants,
  reserveGrants,
  reverseLines,
} from '../../src/pricing/counters.ts'
import { minimumLine } from '../../src/pricing/minimum.ts'
import { type Line, priceUsage } from '../../src/pricing/price.ts'
import { type BoundedStage, type JobQuote, quoteStage, quoteStages, type StageQuote } from '../../src/pricing/quote.ts'
import type { Tariff } from '../../src/pricing/tariff.ts'
import type { LlmBound, LlmUsage, StageUsage } from '../../src/pricing/usage.ts'
import { component, tariff, tariffs } from './tariff-fixtures.ts'

/** One job of the model: what it was quoted and promised, and what it has been charged since, and all along. */
interface Job {
  readonly stages: readonly BoundedStage[]
  readonly open: Map<string, StageQuote>
  readonly settled: Line[]
  quote: JobQuote | null
  charged: bigint
}

interface Step {
  readonly job: number
  readonly action: 'admit' | 'settle' | 'release' | 'reverse'
  readonly rolls: readonly number[]
}

const sizes = fc.integer({ min: 0, max: 40 })
const bounds: fc.Arbitrary<readonly BoundedStage[]> = fc
  .record({
    input: sizes,
    calls: fc.integer({ min: 0, max: 3 }),
    promptTokens: sizes,
    maxOutputTokens: sizes,
    model: fc.constantFrom('m1', 'm2'),
    maxTokens: sizes,
  })
  .map(({ input, maxTokens, ...llm }) => [
    { stage: 'input', bound: { kind: 'input', tokens: input } },
    { stage: 'agent.a', bound: { kind: 'agent', agent: 'a', llm } },
    { stage: 'output', bound: { kind: 'output', maxTokens } },
  ])
const steps: fc.Arbitrary<Step> = fc.record({
  job: fc.nat(3),
  action: fc.constantFrom('admit', 'settle', 'settle', 'settle', 'release', 'reverse'),
  rolls: fc.array(fc.nat(1000), { minLength: 16, maxLength: 16 }),
})

/** Up to `limit`, all of it every other time: the bounds are where promises break. */
function upTo(limit: number, roll: number): number {
  return roll % 2 === 0 ? limit : roll % (limit + 1)
}

function callsWithin({ model, calls, promptTokens, maxOutputTokens }: LlmBound, rolls: readonly number[]): LlmUsage[] {
  return Array.from({ length: calls }, (_, call) => {
    const roll = (index: number) => rolls[call * 5 + index] ?? 0
    const prompt = upTo(promptTokens, roll(0))
    const input = upTo(prompt, roll(1))
    const cacheRead = upTo(prompt - input, roll(2))
    const completion = upTo(maxOutputTokens, roll(3))
    const output = upTo(completion, roll(4))
    const classes = {
      input,
      cache_read: cacheRead,
      cache_write: prompt - input - cacheRead,
      output,
      reasoning: completion - output,
    }
    return { model, source: 'reported', classes }
  })
}

function usageWithin({ bound }: BoundedStage, rolls: readonly number[]): StageUsage {
  switch (bound.kind) {
    case 'input':
      return bound
    case 'output':
      return { kind: 'output', tokens: upTo(bound.maxTokens, rolls[0] ?? 0) }
    case 'agent':
      return { kind: 'agent', agent: bound.agent, llm: bound.llm === null ? [] : callsWithin(bound.llm, rolls) }
  }
}

/** Several jobs of one organisation on the same counters. */
class Organisation {
  counters: Counters = new Map()
  readonly plan: Tariff
  readonly jobs: readonly Job[]

  constructor(plan: Tariff, jobs: readonly (readonly BoundedStage[])[]) {
    this.plan = plan
    this.jobs = jobs.map((stages) => ({ stages, open: new Map(), settled: [], quote: null, charged: 0n }))
  }

  run({ job: index, action, rolls }: Step): void {
    const job = this.jobs[index % this.jobs.length]
    if (job === undefined) return
    if (action === 'admit') this.admit(job)
    else if (action === 'settle') this.settle(job, rolls)
    else {
      for (const { grants } of job.open.values()) this.apply(releaseGrants(this.counters, grants))
      job.open.clear()
      if (action === 'reverse') this.apply(reverseLines(this.counters, job.settled.splice(0)))
    }
    this.check()
  }

  private admit(job: Job): void {
    if (job.open.size > 0) return
    const before = this.counters
    const quote = quoteStages(this.plan, job.stages, this.counters, 0n)
    this.apply(quote.counters)
    let again = before
    for (const { grants } of quote.stages) again = mergeCounters(again, reserveGrants(again, grants))
    expect(this.counters).toEqual(again)
    for (const stage of quote.stages) job.open.set(stage.stage, stage)
    job.quote = quote
    job.charged = 0n
    expect(quote.upper).toBe(quote.stages.reduce((sum, { upper }) => sum + upper, 0n))
  }

  private settle(job: Job, rolls: readonly number[]): void {
    // The output comes last, as in the pipeline: what it is charged for the minimum depends on all the others.
    const left = job.stages.filter(({ stage }) => job.open.has(stage))
    const stage = left[(rolls.at(-1) ?? 0) % Math.max(1, left.length - 1)]
    const quote = stage && job.open.get(stage.stage)
    if (stage === undefined || quote === undefined) return
    const { lines, total, counters } = priceUsage(this.plan, usageWithin(stage, rolls), this.counters, quote.grants)
    this.apply(counters)
    job.open.delete(stage.stage)
    job.settled.push(...lines)
    expect(total).toBeLessThanOrEqual(quote.upper)
    if (stage.stage !== 'output') expect(total).toBeGreaterThanOrEqual(quote.lower)
    job.charged += total
    if (stage.stage === 'output') this.end(job)
    expect(lines.reduce((sum, { amount }) => sum + amount, 0n)).toBe(total)
    expect(new Set(lines.map(({ component: key, tokenClass }) => `${key}/${tokenClass}`)).size).toBe(lines.length)
    expectGrantsHonoured(quote.grants, lines)
  }

  /** All together cost no more than was held, no less than was certain, and the minimum at least. */
  private end(job: Job): void {
    const minimum = minimumLine(this.plan, job.charged)
    if (minimum) job.settled.push(minimum)
    const paid = job.charged + (minimum?.amount ?? 0n)
    expect(paid).toBeLessThanOrEqual(job.quote?.upper ?? 0n)
    expect(paid).toBeGreaterThanOrEqual(job.quote?.lower ?? 0n)
    expect(paid).toBeGreaterThanOrEqual(this.plan.minimumPerJob)
  }

  private apply(changes: Counters): void {
    this.counters = mergeCounters(this.counters, changes)
  }

  /** The counters are the fold of the settled lines and the open grants, and free units are never given away twice. */
  private check(): void {
    const lines = this.jobs.flatMap(({ settled }) => settled)
    const grants = this.jobs.flatMap(({ open }) => [...open.values()].map((quote) => quote.grants))
    for (const { key, included } of this.plan.components) {
      const own = lines.filter((line) => line.component === key)
      const counter = counterOf(this.counters, key)
      expect(counter).toEqual({
        used: own.reduce((sum, { quantity }) => sum + quantity, 0),
        includedUsed: own.reduce((sum, { includedUsed }) => sum + includedUsed, 0),
        reserved: grants.reduce((sum, grant) => sum + (Object.hasOwn(grant, key) ? (grant[key] ?? 0) : 0), 0),
      })
      expect(counter.includedUsed + counter.reserved).toBeLessThanOrEqual(included)
    }
    for (const line of lines) {
      expect(line.amount).toBeGreaterThanOrEqual(0n)
      expect(line.includedUsed + line.billedQuantity).toBe(line.quantity)
    }
  }
}

function expectGrantsHonoured(grants: Grants, lines: readonly Line[]): void {
  for (const [key, granted] of Object.entries(grants)) {
    const own = lines.filter((line) => line.component === key)
    const quantity = own.reduce((sum, line) => sum + line.quantity, 0)
    const free = own.reduce((sum, line) => sum + line.includedUsed, 0)
    expect(free).toBeGreaterThanOrEqual(Math.min(granted, quantity))
  }
}

describe('a quote', () => {
  it('covers the charge whatever jobs reserve, settle, release and reverse in between, in any order', () => {
    const organisations = fc.tuple(tariffs, fc.array(bounds, { minLength: 2, maxLength: 4 }))
    fc.assert(
      fc.property(organisations, fc.array(steps, { minLength: 5, maxLength: 40 }), ([plan, jobs], walk) => {
        const organisation = new Organisation(plan, jobs)
        for (const step of walk) organisation.run(step)
      }),
      { numRuns: 1500, interruptAfterTimeLimit: 15_000 }, // a long walk shrinks for minutes
    )
  })

  it('is never dearer for more free units: what a parked job will cost at least rests on that', () => {
    const free = fc.array(fc.tuple(fc.nat(80), fc.nat(80)), { minLength: 20, maxLength: 20 })
    fc.assert(
      fc.property(tariffs, bounds, free, (plan, job, units) => {
        const upperWith = (more: boolean) => {
          const counters = plan.components.map(({ key, included }, index) => {
            const [some = 0, others = 0] = units[index] ?? []
            const gone = Math.min(included, some + (more ? 0 : others))
            return [key, { used: gone, includedUsed: gone, reserved: 0 }] as const
          })
          return quoteStages(plan, job, new Map(counters), 0n).upper
        }
        expect(upperWith(true)).toBeLessThanOrEqual(upperWith(false))
      }),
      { numRuns: 2_000 },
    )
  })

  it('keeps free units for the job that they were promised to, when another one settles first', () => {
    const plan = tariff(component({ key: 'in', kind: 'input_tokens', price: 1n, per: 1, included: 100 }))
    const stage = { kind: 'input', tokens: 100 } as const
    let counters: Counters = new Map()
    const first = quoteStage(plan, 'input', stage, counters)
    counters = mergeCounters(counters, reserveGrants(counters, first.grants))
    const second = quoteStage(plan, 'input', stage, counters)
    expect([first.upper, second.upper]).toEqual([0n, 100n])

    const secondCharge = priceUsage(plan, stage, counters, second.grants)
    counters = mergeCounters(counters, secondCharge.counters)
    const firstCharge = priceUsage(plan, stage, counters, first.grants)
    expect([firstCharge.total, secondCharge.total]).toEqual([0n, 100n])
    expect(counterOf(firstCharge.counters, 'in')).toEqual({ used: 200, includedUsed: 100, reserved: 0 })
  })

  it('of a released job leaves its free units to the others', () => {
    const plan = tariff(component({ key: 'in', kind: 'input_tokens', price: 1n, per: 1, included: 100 }))
    const quote = quoteStage(plan, 'input', { kind: 'input', tokens: 100 }, new Map())
    const reserved = reserveGrants(new Map(), quote.grants)
    const charged = priceUsage(plan, { kind: 'input', tokens: 60 }, releaseGrants(reserved, quote.grants), {})
    expect(charged.total).toBe(0n)
    expect(counterOf(reverseLines(charged.counters, charged.lines), 'in')).toEqual({
      used: 0,
      includedUsed: 0,
      reserved: 0,
    })
  })
})
