import { type Counters, mergeCounters } from './counters.ts'
import { type Nano, smallest } from './money.ts'
import { priceUsage, unpricedClasses } from './price.ts'
import { type BoundedStage, fitToCost, type JobQuote, quoteStages } from './quote.ts'
import type { Tariff } from './tariff.ts'

/** Why a job would not start: what its rejection would give as reason, or its failure as code. */
export type NotStarted =
  | 'insufficient'
  | 'held_by_others'
  | 'past_due'
  | 'frozen'
  | 'member_limit'
  | 'unpriced-model'
  | 'max-cost-too-low'

/** What the jobs of a list are quoted against: one organisation as it stands. Amounts in nano-units. */
export interface BatchTerms {
  readonly tariff: Tariff
  readonly counters: Counters
  /** Available and overdraft together. */
  readonly spendable: Nano
  /** What jobs outside the list hold. */
  readonly held: Nano
  /** Why the organisation may not spend at all, or null. */
  readonly blocked: 'past_due' | 'frozen' | null
  /** What is left of the limit of the member whose jobs they would be, or null. */
  readonly limitLeft: Nano | null
  /** The most that each job may cost, or null. */
  readonly maxCost: Nano | null
  /** The output limit per agent that the bounds were made with, in tokens. */
  readonly outputLimit: number
}

/** A job at its place in the list. */
export interface ListedQuote {
  /** Where `max_cost` is too low for any run: as if there were none. */
  readonly quote: JobQuote
  /** null: it would start. */
  readonly notStarted: NotStarted | null
}

/** A list as a whole, without jobs that would fail whatever money is there. Amounts in nano-units. */
export interface BatchSum {
  /** How many would start now. */
  readonly fitting: number
  /** How many could be paid for at most, the cheapest first, if each cost its lower bound. */
  readonly fittingAtMost: number
  /** The lower bounds together. */
  readonly lower: Nano
  /** What all of them would hold together. */
  readonly upper: Nano
  /** What is lacking for all of them to start; 0 where nothing is. */
  readonly missing: Nano
}

/** Where one walk through the list has come to. */
interface Walk {
  readonly counters: Counters
  readonly jobs: number
  /** The lower bounds so far. */
  readonly lower: Nano
  /** All holds so far. */
  readonly taken: Nano
  /** What of them became charges at once: the inputs. */
  readonly charged: Nano
}

interface Judged {
  readonly quote: JobQuote
  readonly failure: 'unpriced-model' | 'max-cost-too-low' | null
}

/**
 * Quotes a list of jobs in its order: each that fits holds its quote, is promised its free units and charged its input,
 * as an admission does; what does not fit is passed over, as a wake does. That is what submitting all of them now would
 * come to, if nothing else moved and none settled its agents meanwhile.
 */
export class BatchQuote {
  readonly #terms: BatchTerms
  /** Of what fits. */
  #started: Walk
  /** Of all that money can help, as if there were enough of it; the same walk until something is passed over. */
  #funded: Walk
  /** Of each that would not fail. */
  readonly #lowers: Nano[] = []

  constructor(terms: BatchTerms) {
    this.#terms = terms
    this.#started = { counters: terms.counters, jobs: 0, lower: 0n, taken: 0n, charged: 0n }
    this.#funded = this.#started
  }

  /** Quotes the next job of the list. @param maxCost its own limit, where the list has not one for all */
  add(stages: readonly BoundedStage[], maxCost: Nano | null = this.#terms.maxCost): ListedQuote {
    const terms = { ...this.#terms, maxCost }
    const { tariff } = terms
    const [started, funded] = [this.#started, this.#funded]
    const here = judge(terms, started.counters, stages)
    const there = started === funded ? here : judge(terms, funded.counters, stages)
    const notStarted = here.failure ?? this.#refusalOf(here.quote.upper)
    if (there.failure === null) this.#funded = hold(tariff, funded, stages, there.quote)
    if (notStarted === null) {
      this.#started = started === funded ? this.#funded : hold(tariff, started, stages, here.quote)
    }
    if (here.failure === null) this.#lowers.push(here.quote.lower)
    return { quote: here.quote, notStarted }
  }

  sum(): BatchSum {
    const { spendable, blocked, limitLeft } = this.#terms
    const { lower, taken } = this.#funded
    const most = limitLeft === null ? spendable : smallest([spendable, limitLeft])
    return {
      fitting: this.#started.jobs,
      fittingAtMost: blocked === null ? countWithin(this.#lowers, most) : 0,
      lower,
      upper: taken,
      missing: taken > spendable ? taken - spendable : 0n,
    }
  }

  #refusalOf(needed: Nano): NotStarted | null {
    const { spendable, held, blocked, limitLeft } = this.#terms
    const { taken, charged } = this.#started
    if (blocked !== null) return blocked
    // What a job held it was charged or gives back: here nothing is given back.
    if (limitLeft !== null && needed > limitLeft - taken) return 'member_limit'
    const short = needed - (spendable - taken)
    if (short <= 0n) return null
    return short <= held + taken - charged ? 'held_by_others' : 'insufficient'
  }
}

/** The models that stages would call and the tariff has no full price for, each once. */
export function unpricedModels(tariff: Tariff, stages: readonly BoundedStage[]): readonly string[] {
  const models = new Set(stages.flatMap(({ bound }) => (bound.kind === 'agent' && bound.llm ? [bound.llm.model] : [])))
  return [...models].filter((model) => unpricedClasses(tariff, model).length > 0)
}

function judge({ tariff, maxCost, outputLimit }: BatchTerms, counters: Counters, all: readonly BoundedStage[]): Judged {
  const stages = maxCost === null ? all : fitToCost(tariff, all, counters, { maxCost, charged: 0n, outputLimit })
  const quote = quoteStages(tariff, stages ?? all, counters, 0n)
  if (unpricedModels(tariff, all).length > 0) return { quote, failure: 'unpriced-model' }
  return { quote, failure: stages === null ? 'max-cost-too-low' : null }
}

/** An admission: the hold, the promises, and the input's charge out of it. */
function hold(tariff: Tariff, walk: Walk, stages: readonly BoundedStage[], quote: JobQuote): Walk {
  let counters = mergeCounters(walk.counters, quote.counters)
  let { charged } = walk
  for (const { stage, bound } of stages) {
    if (bound.kind !== 'input') continue
    const grants = quote.stages.find((quoted) => quoted.stage === stage)?.grants ?? {}
    const input = priceUsage(tariff, bound, counters, grants)
    counters = mergeCounters(counters, input.counters)
    charged += input.total
  }
  return { counters, jobs: walk.jobs + 1, lower: walk.lower + quote.lower, taken: walk.taken + quote.upper, charged }
}

function countWithin(amounts: readonly Nano[], limit: Nano): number {
  let left = limit
  let count = 0
  for (const amount of [...amounts].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))) {
    left -= amount
    if (left < 0n) break
    count += 1
  }
  return count
}
