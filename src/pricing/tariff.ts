import type { Nano } from './money.ts'

export type ComponentKind = 'input_tokens' | 'llm_tokens' | 'output_tokens' | 'agent' | 'feature'
/** What a line of a receipt is for: what a component prices, or what a job lacks to its tariff's minimum. */
export type LineKind = ComponentKind | 'minimum'
export type RateModel = 'per_unit' | 'graduated' | 'volume' | 'package' | 'flat'
export type TokenClass = 'input' | 'cache_read' | 'cache_write' | 'output' | 'reasoning'

/** The disjoint classes of a model call's tokens, in the order in which a stage's lines advance their counters. */
export const PROMPT_CLASSES = ['input', 'cache_read', 'cache_write'] as const satisfies readonly TokenClass[]
export const COMPLETION_CLASSES = ['output', 'reasoning'] as const satisfies readonly TokenClass[]
export const TOKEN_CLASSES: readonly TokenClass[] = [...PROMPT_CLASSES, ...COMPLETION_CLASSES]

/** A step of a graduated or volume rate. `upTo` is the last position (inclusive, in billed units) at this price. */
export interface Tier {
  /** null: without end; only in the last tier. */
  readonly upTo: number | null
  /** Nano-units per the component's `per` units. */
  readonly price: Nano
}

/** How a quantity becomes money. `price` is null exactly where `tiers` stand instead (graduated, volume). */
export interface Rate {
  readonly model: RateModel
  /** Nano-units per `per` units; of a package, per package; of a flat rate, per stage. */
  readonly price: Nano | null
  /** Units that `price` buys; of a package, its size. At least 1; without meaning in a flat rate. */
  readonly per: number
  readonly tiers: readonly Tier[] | null
}

/** One price of a tariff version. Which of the last four fields are set follows from `kind`. */
export interface Component extends Rate {
  readonly key: string
  readonly kind: ComponentKind
  /** Units per period that cost nothing; they come off first. */
  readonly included: number
  /** llm_tokens only: a model's name, or `*` for every model without a component of its own. */
  readonly llmModel: string | null
  /** llm_tokens only. */
  readonly tokenClass: TokenClass | null
  /** agent only: the agent's key. */
  readonly agent: string | null
  /** feature only: the feature's key. */
  readonly feature: string | null
}

/** One immutable version of a tariff plan, as pricing needs it. Amounts in nano-units of `currency`. */
export interface Tariff {
  readonly planId: string
  readonly versionId: string
  readonly version: number
  readonly name: string
  readonly currency: string
  readonly pricePerMonth: Nano
  /** null: no limit. */
  readonly maxTeamMembers: number | null
  readonly memberPrice: Nano
  /** What a job that comes to its output is charged at least; 0: there is no minimum (ADR 23). */
  readonly minimumPerJob: Nano
  readonly chargeOnFailure: 'none' | 'finished_stages'
  /** For how long everything goes on while a fee is not paid, in days; then jobs are parked. */
  readonly graceDays: number
  /** Days from then on until no further fees are made, and a payment begins a new subscription. */
  readonly suspendAfterDays: number
  readonly components: readonly Component[]
}
