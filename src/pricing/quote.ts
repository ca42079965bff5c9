import { invariant } from '../foundation/invariant.ts'
import { type Counters, counterOf, freeUnits, type Grants, mergeCounters, reserveGrants } from './counters.ts'
import { agentComponent, llmComponent, meterComponent } from './match.ts'
import { OUTPUT_STAGE, shortfallOf } from './minimum.ts'
import { NANO_MAX, type Nano, smallest } from './money.ts'
import { highestAmount, linearBound, lowestAmount } from './rates.ts'
import { COMPLETION_CLASSES, type Component, PROMPT_CLASSES, type Tariff, type TokenClass } from './tariff.ts'
import type { LlmBound, StageBound } from './usage.ts'

/**
 * What a stage costs at least (`lower`) and at most (`upper`), in nano-units, if its usage keeps within its bound and it
 * settles with `grants`. Both hold whatever other jobs reserve, settle, release or reverse in between, and however the
 * tokens of a model fall into their classes.
 *
 * In the quote of a job, the output also has what the sums of all stages lack to the minimum of the tariff. How much of it is
 * charged depends on the other stages, so that its own figures hold in their sums only.
 */
export interface StageQuote {
  readonly stage: string
  readonly lower: Nano
  readonly upper: Nano
  readonly grants: Grants
}

export interface BoundedStage {
  readonly stage: string
  readonly bound: StageBound
}

export interface JobQuote {
  readonly stages: readonly StageQuote[]
  readonly lower: Nano
  readonly upper: Nano
  /** Only the counters that the grants change, as they are once all of them are reserved. */
  readonly counters: Counters
}

/** A component that some tokens of a group may be priced by, in at most `lines` lines (classes). */
interface Reachable {
  readonly component: Component
  readonly lines: number
}

/** Up to `quantity` units that fall, in any split, to the components reachable. A component is in one group only. */
interface Group {
  readonly quantity: number
  readonly reachable: readonly Reachable[]
}

/** Quotes one stage. Amounts saturate at NANO_MAX, which no balance can pay. */
export function quoteStage(tariff: Tariff, stage: string, bound: StageBound, counters: Counters): StageQuote {
  const grants: Record<string, number> = {}
  const upper = upperOf(tariff, bound, ({ key, included }, quantity) => {
    const granted = Math.min(quantity, freeUnits(included, counterOf(counters, key)))
    if (granted > 0) grants[key] = granted
    return granted
  })
  return { stage, lower: saturate(lowerOf(tariff, bound)), upper, grants }
}

/** What a stage that was quoted before costs at most with the grants that it was given: what is held for it. */
export function stageUpper(tariff: Tariff, bound: StageBound, grants: Grants): Nano {
  return upperOf(tariff, bound, ({ key }, quantity) => {
    return Object.hasOwn(grants, key) ? Math.min(quantity, grants[key] ?? 0) : 0
  })
}

function upperOf(tariff: Tariff, bound: StageBound, grantOf: (component: Component, quantity: number) => number): Nano {
  let upper = 0n
  for (const { quantity, reachable } of groupsOf(tariff, bound)) {
    const open: { reachable: Reachable; units: number }[] = []
    for (const candidate of reachable) {
      const granted = grantOf(candidate.component, quantity)
      if (quantity > granted) open.push({ reachable: candidate, units: quantity - granted })
    }
    upper += highestSplit(open)
  }
  return saturate(upper)
}

/**
 * Quotes the unfinished stages of a job in order; a stage's grants are gone for the next ones. Where the output is among
 * them, the job will have been charged the minimum at least, and what is quoted covers that.
 * @param charged what the job was charged before, less what was reversed, in nano-units
 */
export function quoteStages(
  tariff: Tariff,
  stages: readonly BoundedStage[],
  counters: Counters,
  charged: Nano,
): JobQuote {
  const quotes: StageQuote[] = []
  let current = counters
  let changed: Counters = new Map()
  let lower = 0n
  let upper = 0n
  for (const { stage, bound } of stages) {
    const quote = quoteStage(tariff, stage, bound, current)
    const changes = reserveGrants(current, quote.grants)
    if (changes.size > 0) {
      current = mergeCounters(current, changes)
      changed = mergeCounters(changed, changes)
    }
    quotes.push(quote)
    lower += quote.lower
    upper += quote.upper
  }
  const [lacksLower, lacksUpper] = [shortfallOf(tariff, charged + lower), shortfallOf(tariff, charged + upper)]
  const output = quotes.findIndex(({ stage }) => stage === OUTPUT_STAGE)
  const own = quotes[output]
  if (own) {
    quotes[output] = { ...own, lower: own.lower + lacksLower, upper: own.upper + lacksUpper }
    lower += lacksLower
    upper += lacksUpper
  }
  return { stages: quotes, lower: saturate(lower), upper: saturate(upper), counters: changed }
}

/** What a job may cost. Amounts in nano-units. */
interface CostLimit {
  /** The most that the whole job may cost. */
  readonly maxCost: Nano
  /** What it was charged before, less what was reversed. */
  readonly charged: Nano
  /** The output limit per agent that the output stages' `maxTokens` were computed with, in tokens. */
  readonly outputLimit: number
}

/**
 * Shrinks the output limit of a job until it is sure to cost at most its limit. A limit below the minimum of the tariff
 * fits nothing.
 * @returns the stages under the largest common limit L that fits: a model call's `maxOutputTokens` is its own or L, an
 *          output's `maxTokens` shrinks by L ÷ outputLimit; null if not even L = 1 fits
 */
export function fitToCost(
  tariff: Tariff,
  stages: readonly BoundedStage[],
  counters: Counters,
  { maxCost, charged, outputLimit }: CostLimit,
): readonly BoundedStage[] | null {
  invariant(Number.isSafeInteger(outputLimit) && outputLimit >= 1, 'an output limit is an integer from 1 on')
  const limited = (limit: number) =>
    stages.map(({ stage, bound }) => ({ stage, bound: withLimit(bound, limit, outputLimit) }))
  const fits = (candidate: readonly BoundedStage[]) =>
    charged + quoteStages(tariff, candidate, counters, charged).upper <= maxCost
  if (fits(stages)) return stages
  let fitting = 0
  let tooDear = Math.max(outputLimit, ...stages.map(({ bound }) => callLimit(bound)))
  while (tooDear - fitting > 1) {
    const middle = fitting + Math.floor((tooDear - fitting) / 2)
    if (fits(limited(middle))) fitting = middle
    else tooDear = middle
  }
  return fitting === 0 ? null : limited(fitting)
}

function withLimit(bound: StageBound, limit: number, outputLimit: number): StageBound {
  if (bound.kind === 'input') return bound
  if (bound.kind === 'output') {
    return { ...bound, maxTokens: Math.min(bound.maxTokens, Math.ceil((bound.maxTokens * limit) / outputLimit)) }
  }
  const { llm } = bound
  return llm === null ? bound : { ...bound, llm: { ...llm, maxOutputTokens: Math.min(llm.maxOutputTokens, limit) } }
}

function callLimit(bound: StageBound): number {
  return bound.kind === 'agent' ? (bound.llm?.maxOutputTokens ?? 1) : 1
}

function groupsOf(tariff: Tariff, bound: StageBound): readonly Group[] {
  switch (bound.kind) {
    case 'input':
      return [group(bound.tokens, meterComponent(tariff, 'input_tokens'))]
    case 'output':
      return [group(bound.maxTokens, meterComponent(tariff, 'output_tokens'))]
    case 'agent':
      return [
        group(1, agentComponent(tariff, bound.agent)),
        ...(bound.llm === null ? [] : callGroups(tariff, bound.llm)),
      ]
  }
}

function callGroups(tariff: Tariff, { model, calls, promptTokens, maxOutputTokens }: LlmBound): readonly Group[] {
  const groupOf = (tokensPerCall: number, classes: readonly TokenClass[]): Group => {
    const lines = new Map<Component, number>()
    for (const tokenClass of classes) {
      const component = llmComponent(tariff, model, tokenClass)
      if (component !== null) lines.set(component, (lines.get(component) ?? 0) + 1)
    }
    const reachable = [...lines].map(([component, count]) => ({ component, lines: count }))
    return { quantity: bounded(calls * tokensPerCall), reachable }
  }
  return [groupOf(promptTokens, PROMPT_CLASSES), groupOf(maxOutputTokens, COMPLETION_CLASSES)]
}

function group(quantity: number, component: Component | null): Group {
  return { quantity: bounded(quantity), reachable: component === null ? [] : [{ component, lines: 1 }] }
}

function bounded(quantity: number): number {
  invariant(Number.isSafeInteger(quantity) && quantity >= 0, 'a bound is an integer from 0 on')
  return quantity
}

/**
 * The most that up to `units` tokens can cost in whatever way they split over the components. Two bounds hold, the lower
 * one counts. Every component may get all of them: the sum (exact where there is one component). Or: a straight line
 * bounds each component's amount, so all tokens are dearest in one of them, and the steps and roundings of all come on top.
 */
function highestSplit(open: readonly { readonly reachable: Reachable; readonly units: number }[]): Nano {
  let sum = 0n
  let slope = 0n
  let steps = 0n
  let rounded = 0
  for (const { reachable, units } of open) {
    const { component, lines } = reachable
    const line = linearBound(component, units, lines)
    sum += highestAmount(component, units, lines)
    if (line.slope > slope) slope = line.slope
    steps += line.step
    rounded += line.rounded
  }
  const split = slope + steps + BigInt(Math.floor(rounded / 2))
  return smallest([sum, split])
}

function lowerOf(tariff: Tariff, bound: StageBound): Nano {
  if (bound.kind === 'output') return 0n
  const component =
    bound.kind === 'input' ? meterComponent(tariff, 'input_tokens') : agentComponent(tariff, bound.agent)
  if (component === null) return 0n
  const quantity = bound.kind === 'input' ? bound.tokens : 1
  // All included units may be free by then: others release theirs.
  return lowestAmount(component, Math.max(0, quantity - component.included))
}

function saturate(amount: Nano): Nano {
  return smallest([amount, NANO_MAX])
}
