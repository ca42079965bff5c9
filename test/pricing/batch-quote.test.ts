import { describe, expect, it } from 'vitest'
import { BatchQuote, type BatchTerms } from '../../src/pricing/batch-quote.ts'
import type { Counters } from '../../src/pricing/counters.ts'
import type { BoundedStage } from '../../src/pricing/quote.ts'
import { component, tariff } from './tariff-fixtures.ts'

/** One nano-unit for each token, 20 input tokens and 30 output tokens free; 10 for the agent. */
const PLAN = tariff(
  component({ key: 'in', kind: 'input_tokens', price: 1n, per: 1, included: 20 }),
  component({ key: 'fee', kind: 'agent', price: 10n, agent: 'a' }),
  component({ key: 'out', kind: 'output_tokens', price: 1n, per: 1, included: 30 }),
)
const NONE: Counters = new Map()

const job = (input: number, maxTokens: number): readonly BoundedStage[] => [
  { stage: 'input', bound: { kind: 'input', tokens: input } },
  { stage: 'agent.a', bound: { kind: 'agent', agent: 'a', llm: null } },
  { stage: 'output', bound: { kind: 'output', maxTokens } },
]

const terms = (spendable: bigint, more: Partial<BatchTerms> = {}): BatchTerms => ({
  ...{
    tariff: PLAN,
    counters: NONE,
    spendable,
    held: 0n,
    limitLeft: null,
    blocked: null,
    maxCost: null,
    outputLimit: 100,
  },
  ...more,
})

function quote(given: BatchTerms, list: readonly (readonly BoundedStage[])[]) {
  const batch = new BatchQuote(given)
  const listed = list.map((stages) => batch.add(stages))
  return {
    uppers: listed.map((each) => each.quote.upper),
    reasons: listed.map((each) => each.notStarted),
    ...batch.sum(),
  }
}

describe('a list of jobs', () => {
  it('takes free units in its order: what one was promised, the next must pay', () => {
    expect(quote(terms(1_000n), [job(15, 20), job(15, 20), job(15, 20)])).toEqual({
      // 0 + 10 + 0; then 10 of 15 and 10 of 20 are to be paid; then all
      uppers: [10n, 10n + 10n + 10n, 15n + 10n + 20n],
      reasons: [null, null, null],
      fitting: 3,
      fittingAtMost: 3,
      lower: 30n,
      upper: 85n,
      missing: 0n,
    })
  })

  it('stops where the limit of its member does, whatever money is there, and says so before it says that money is short', () => {
    const list = [job(30, 30), job(5, 0), job(0, 30)]
    // 10 + 10 + 0; 5 + 10 + 0; 0 + 10 + 30
    const rich = quote(terms(1_000n, { limitLeft: 35n }), list)
    expect(rich.uppers).toEqual([20n, 15n, 40n])
    expect(rich.reasons).toEqual([null, null, 'member_limit'])
    expect(rich).toMatchObject({ fitting: 2, fittingAtMost: 2, upper: 75n, missing: 0n })
    expect(quote(terms(34n, { limitLeft: 35n }), list).reasons).toEqual([null, 'held_by_others', 'member_limit'])
    expect(quote(terms(1_000n, { limitLeft: -1n }), list)).toMatchObject({ fitting: 0, fittingAtMost: 0 })
  })

  it('passes over what does not fit, and leaves its free units to the next', () => {
    const { uppers, reasons, ...sum } = quote(terms(25n), [job(20, 100), job(20, 30), job(5, 0)])
    // the first would get all free units, and is short; the second gets them
    expect(uppers).toEqual([0n + 10n + 70n, 10n, 5n + 10n])
    expect(reasons).toEqual(['insufficient', null, null])
    // with the first in it, the others would have to pay their tokens: 80 + (20 + 10 + 30) + (5 + 10)
    expect(sum).toEqual({ fitting: 2, fittingAtMost: 2, lower: 30n, upper: 155n, missing: 130n })
    expect(quote(terms(155n), [job(20, 100), job(20, 30), job(5, 0)]).fitting).toBe(3)
    expect(quote(terms(154n), [job(20, 100), job(20, 30), job(5, 0)]).fitting).toBe(2)
  })

  it('tells who waits for holds from who waits for money', () => {
    const list = [job(20, 30), job(0, 10), job(0, 500)]
    const { uppers, reasons } = quote(terms(10n), list)
    // of the first, 10 are held until its agent is done; the second is short by 20, the third by 510
    expect(uppers).toEqual([10n, 20n, 510n])
    expect(reasons).toEqual([null, 'insufficient', 'insufficient'])
    expect(quote(terms(10n, { held: 10n }), list).reasons).toEqual([null, 'held_by_others', 'insufficient'])
  })

  it('does not count as held what the inputs are charged at once', () => {
    // 30 + 10 + 20 are held by the first, and 30 of them gone at once: 30 is what may come back
    const counters: Counters = new Map([['in', { used: 20, includedUsed: 20, reserved: 0 }]])
    const list = (input: number) => [job(30, 50), job(input, 0)]
    expect(quote(terms(60n, { counters }), list(20)).reasons).toEqual([null, 'held_by_others'])
    expect(quote(terms(60n, { counters }), list(21)).reasons).toEqual([null, 'insufficient'])
  })

  it('says how many could be paid for, the cheapest first, if each cost its lower bound', () => {
    // certain are the fee and what the free input tokens can never cover: 60, 10, 30, 10
    const list = [job(70, 200), job(10, 200), job(40, 200), job(20, 200)]
    expect(quote(terms(50n), list)).toMatchObject({ fitting: 0, fittingAtMost: 3, lower: 110n })
    expect(quote(terms(49n), list)).toMatchObject({ fitting: 0, fittingAtMost: 2 })
    expect(quote(terms(0n), list)).toMatchObject({ fitting: 0, fittingAtMost: 0 })
  })

  it('starts nothing for an organisation that may not spend, and still says what the money would have to be', () => {
    const blocked = quote(terms(5n, { blocked: 'past_due' }), [job(20, 30), job(0, 0)])
    expect(blocked).toMatchObject({ reasons: ['past_due', 'past_due'], fitting: 0, fittingAtMost: 0, missing: 15n })
  })

  it('leaves a job that would fail out of its sums; the others are quoted as if it were not there', () => {
    const dear = job(500, 10)
    const alone = quote(terms(100n), [job(5, 40), job(5, 40)])
    const among = quote(terms(100n, { maxCost: 60n }), [job(5, 40), dear, job(5, 40)])
    expect(among.reasons).toEqual([null, 'max-cost-too-low', null])
    expect([among.uppers[0], among.uppers[2]]).toEqual(alone.uppers)
    expect(among.uppers[1], 'as if there were no limit').toBe(485n + 10n + 10n)
    expect(among).toMatchObject({ lower: alone.lower, upper: alone.upper, missing: alone.missing, fitting: 2 })
  })

  it('shrinks each job to what it may cost, as its admission does', () => {
    const { uppers, reasons, missing } = quote(terms(30n, { maxCost: 25n }), [job(20, 100), job(5, 100)])
    // the limit of 100 shrinks to 45: 30 are free, 15 and the fee are paid; then to 10: 5 + 10 + 10
    expect(uppers).toEqual([25n, 25n])
    expect(reasons).toEqual([null, 'held_by_others'])
    expect(missing).toBe(20n)
  })

  it('starts no job whose model has no price, however much money is there', () => {
    const priced = component({ key: 'llm', kind: 'llm_tokens', price: 1n, llmModel: 'm1', tokenClass: 'input' })
    const plan = tariff(...PLAN.components, priced)
    const llm = { model: 'm1', calls: 1, promptTokens: 5, maxOutputTokens: 5 }
    const stages = job(5, 5).map((stage) => {
      return stage.bound.kind === 'agent' ? { ...stage, bound: { ...stage.bound, llm } } : stage
    })
    const { reasons, ...sum } = quote(terms(1_000_000n, { tariff: plan }), [stages])
    expect(reasons).toEqual(['unpriced-model'])
    expect(sum).toMatchObject({ fitting: 0, fittingAtMost: 0, upper: 0n, missing: 0n })
  })

  it('of no job costs nothing', () => {
    expect(new BatchQuote(terms(1n)).sum()).toEqual({ fitting: 0, fittingAtMost: 0, lower: 0n, upper: 0n, missing: 0n })
  })
})
