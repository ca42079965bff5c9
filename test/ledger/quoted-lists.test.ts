import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Verdicts } from '../../src/ledger/calls.ts'
import { blockedBy } from '../../src/ledger/hold.ts'
import { BatchQuote, type BatchTerms, type NotStarted } from '../../src/pricing/batch-quote.ts'
import type { BoundedStage } from '../../src/pricing/quote.ts'
import { tariffs } from '../pricing/tariff-fixtures.ts'
import type { World } from './world.ts'
import { addJob, EXPIRES_MS, ORG, OUTPUT_LIMIT, topUp, worldOf } from './world-fixtures.ts'

const ENOUGH = 10n ** 17n
const ANN = `${ORG} ann`

const sizes = fc.integer({ min: 0, max: 40 })
const jobs: fc.Arbitrary<readonly BoundedStage[]> = fc
  .record({
    input: sizes,
    calls: fc.integer({ min: 0, max: 2 }),
    promptTokens: sizes,
    maxOutputTokens: fc.integer({ min: 1, max: 40 }),
    model: fc.constantFrom('m1', 'm2'),
    maxTokens: sizes,
  })
  .map(({ input, maxTokens, ...llm }) => [
    { stage: 'input', bound: { kind: 'input', tokens: input } },
    { stage: 'agent.a', bound: { kind: 'agent', agent: 'a', llm } },
    { stage: 'output', bound: { kind: 'output', maxTokens } },
  ])

/** A list, what ran before it, and how much money there is: eighths of what all of the list would hold. */
const cases = fc.record({
  plan: tariffs,
  before: fc.array(jobs, { maxLength: 3 }),
  list: fc.array(jobs, { minLength: 1, maxLength: 7 }),
  eighths: fc.bigInt({ min: 0n, max: 9n }),
  overdraft: fc.constantFrom(0n, 1_000n),
  maxCostOf: fc.option(fc.nat(1_000), { nil: null, freq: 2 }),
  /** Eighths of what all of the list would hold: what is left of its member's limit; null: it has no member. */
  limitEighths: fc.option(fc.bigInt({ min: 0n, max: 8n }), { nil: null, freq: 2 }),
  status: fc.constantFrom('active', 'active', 'active', 'active', 'past_due', 'suspended', 'frozen'),
})

function admit(
  world: World,
  id: string,
  bounds: readonly BoundedStage[],
  maxCost: bigint | null,
  userId: string | null = null,
): Verdicts['admit'] {
  addJob(world, id, { maxCost, userId })
  const limits = { outputLimit: OUTPUT_LIMIT, parkedExpiresMs: EXPIRES_MS }
  return world.run('admit', { organizationId: ORG, jobId: id, bounds, ...limits })
}

const admitAll = (world: World, list: readonly (readonly BoundedStage[])[], maxCost: bigint | null) =>
  list.map((bounds, index) => admit(world, `listed ${index}`, bounds, maxCost, world.members.has(ANN) ? 'ann' : null))

/** What an admission said, in the words of a quote. */
function saidBy(verdict: Verdicts['admit']): { readonly notStarted: NotStarted | null; readonly upper: bigint | null } {
  if (verdict.kind === 'admitted') return { notStarted: null, upper: verdict.held }
  if (verdict.kind === 'failed') return { notStarted: verdict.failure.code as NotStarted, upper: null }
  if (verdict.kind !== 'refused') throw new Error(`the job was ${verdict.kind}`)
  return { notStarted: verdict.rejection.reason as NotStarted, upper: verdict.rejection.needed }
}

function termsOf(world: World, maxCost: bigint | null): BatchTerms {
  const organization = world.organization(ORG)
  const [tariff] = world.tariffs.values()
  if (!tariff) throw new Error('the world has a tariff')
  return {
    tariff,
    counters: new Map([...world.counters.values()].map((row) => [row.component, row] as const)),
    spendable: organization.available + organization.overdraftLimit,
    held: organization.held,
    limitLeft: world.members.get(ANN)?.spendingLimit ?? null,
    blocked: blockedBy(organization),
    maxCost,
    outputLimit: OUTPUT_LIMIT,
  }
}

function quoteList(terms: BatchTerms, list: readonly (readonly BoundedStage[])[]) {
  const batch = new BatchQuote(terms)
  return { listed: list.map((bounds) => batch.add(bounds)), ...batch.sum() }
}

type Case = typeof cases extends fc.Arbitrary<infer T> ? T : never

/** The world right before the list is submitted. */
function worldBefore({ plan, before, list, eighths, overdraft, maxCostOf, limitEighths, status }: Case) {
  const world = worldOf({ plan, available: ENOUGH, overdraft })
  before.forEach((bounds, index) => {
    admit(world, `before ${index}`, bounds, null)
  })
  const free = quoteList({ ...termsOf(world, null), spendable: ENOUGH }, list)
  const maxCost = maxCostOf === null ? null : (free.upper * BigInt(maxCostOf)) / 1_000n
  if (limitEighths !== null) {
    const spendingLimit = (free.upper * limitEighths) / 8n
    const member = { organizationId: ORG, userId: 'ann', role: 'member', operation: 'op-1' } as const
    world.run('add_member', { ...member, spendingLimit })
  }
  Object.assign(world.organization(ORG), { available: (free.upper * eighths) / 8n, status })
  return { world, maxCost }
}

describe('the quote of a list', () => {
  it('says of each job what its admission says, in the order of the list, whatever the tariff and what ran before', () => {
    const seen = new Set<NotStarted | null>()
    fc.assert(
      fc.property(cases, (given) => {
        const { world, maxCost } = worldBefore(given)
        const untouched = world.snapshot()
        const { listed, fitting } = quoteList(termsOf(world, maxCost), given.list)
        expect(world.snapshot()).toEqual(untouched)
        const said = admitAll(world, given.list, maxCost).map(saidBy)
        expect(listed.map(({ notStarted }) => notStarted)).toEqual(said.map(({ notStarted }) => notStarted))
        for (const [index, { upper }] of said.entries())
          if (upper !== null) expect(listed[index]?.quote.upper).toBe(upper)
        expect(fitting).toBe(said.filter(({ notStarted }) => notStarted === null).length)
        for (const { notStarted } of said) seen.add(notStarted)
      }),
      { numRuns: 600, interruptAfterTimeLimit: 10_000 },
    )
    expect([...seen].sort()).toEqual(
      [
        'frozen',
        'held_by_others',
        'insufficient',
        'max-cost-too-low',
        'member_limit',
        null,
        'past_due',
        'unpriced-model',
      ].sort(),
    )
  })

  it('names the top-up with which all start that would not fail, to the last nano-unit', () => {
    let topUps = 0
    fc.assert(
      fc.property(cases, (anyCase) => {
        const given = { ...anyCase, limitEighths: null, status: 'active' as const }
        const { world, maxCost } = worldBefore(given)
        const { missing } = quoteList(termsOf(world, maxCost), given.list)
        const needMoney = (paid: World) =>
          admitAll(paid, given.list, maxCost).filter((verdict) => verdict.kind === 'refused').length
        if (missing === 0n) {
          expect(needMoney(world)).toBe(0)
          return
        }
        topUps += 1
        const almost = world.copy()
        topUp(world, missing, 'what is missing')
        expect(needMoney(world)).toBe(0)
        if (missing > 1n) topUp(almost, missing - 1n, 'a nano-unit less')
        expect(needMoney(almost)).toBeGreaterThan(0)
      }),
      { numRuns: 300, interruptAfterTimeLimit: 10_000 },
    )
    expect(topUps).toBeGreaterThan(30)
  })

  it('never lets more start than it says could be paid for at most', () => {
    fc.assert(
      fc.property(cases, (given) => {
        const { world, maxCost } = worldBefore(given)
        const { listed, fitting, fittingAtMost, lower, upper } = quoteList(termsOf(world, maxCost), given.list)
        expect(fittingAtMost).toBeGreaterThanOrEqual(fitting)
        expect(fittingAtMost).toBeLessThanOrEqual(listed.length)
        expect(lower).toBeLessThanOrEqual(upper)
        if (given.status !== 'active') expect(fittingAtMost).toBe(0)
      }),
      { numRuns: 300, interruptAfterTimeLimit: 5_000 },
    )
  })
})
