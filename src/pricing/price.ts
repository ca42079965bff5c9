import { invariant } from '../foundation/invariant.ts'
import { type Counter, type Counters, counterOf, freeUnits, type Grants } from './counters.ts'
import { agentComponent, featureComponent, llmComponent, meterComponent } from './match.ts'
import type { Nano } from './money.ts'
import { amountOf } from './rates.ts'
import {
  type Component,
  type ComponentKind,
  type LineKind,
  type RateModel,
  type Tariff,
  type Tier,
  TOKEN_CLASSES,
  type TokenClass,
} from './tariff.ts'
import type { FeatureUsage, LlmUsage, Source, StageUsage } from './usage.ts'

/**
 * One line of a receipt: one (component, token class) of a stage. It can be recomputed from itself:
 * `amount = amountOf(rate, billedBefore, billedQuantity)`, but for the further lines of a flat component, which is
 * charged once per stage. `includedUsed + billedQuantity = quantity`.
 */
export interface Line {
  /** null: no component prices this meter; then everything about the price is null and the amount 0. */
  readonly component: string | null
  readonly kind: LineKind
  /** null, too, of the minimum: what it costs follows from the job's other lines (minimum.ts). */
  readonly model: RateModel | null
  /** The model that was called; `*` where a stage called several under this component and class. */
  readonly llmModel: string | null
  readonly tokenClass: TokenClass | null
  readonly quantity: number
  /** `reported` only if every call in it was. */
  readonly source: Source
  readonly includedUsed: number
  readonly billedQuantity: number
  readonly price: Nano | null
  readonly per: number | null
  readonly tiers: readonly Tier[] | null
  /** All units of the component in this period, before and after. */
  readonly counterBefore: number
  readonly counterAfter: number
  /** Of those before, the billed ones: where tiers and packages go on counting. */
  readonly billedBefore: number
  readonly amount: Nano
}

export interface PricedUsage {
  readonly lines: readonly Line[]
  /** Sum of the lines' amounts. */
  readonly total: Nano
  /** Only the counters that the stage touched or had grants of, as they are afterwards. */
  readonly counters: Counters
}

export interface PricedQuantity {
  readonly includedUsed: number
  readonly billedQuantity: number
  readonly billedBefore: number
  readonly amount: Nano
  /** The counter afterwards; what was used of the grant has left `reserved`. */
  readonly counter: Counter
  /** What is left of the grant; still in `reserved`. */
  readonly grantLeft: number
}

/**
 * Prices `quantity` units of one component: free units first, out of the grant, then out of those that nobody was
 * promised; the rest at the component's rate, which counts its position in billed units.
 * @param quantity integer ≥ 0
 * @param grant free units promised to this stage that are left; part of `counter.reserved`
 */
export function priceQuantity(component: Component, quantity: number, counter: Counter, grant: number): PricedQuantity {
  invariant(Number.isSafeInteger(quantity) && quantity >= 0, 'a quantity is an integer from 0 on')
  invariant(Number.isSafeInteger(counter.used + quantity), 'a counter stays a safe integer')
  const fromGrant = Math.min(quantity, grant)
  const includedUsed = fromGrant + Math.min(quantity - fromGrant, freeUnits(component.included, counter))
  const billedQuantity = quantity - includedUsed
  const billedBefore = counter.used - counter.includedUsed
  return {
    includedUsed,
    billedQuantity,
    billedBefore,
    amount: amountOf(component, billedBefore, billedQuantity),
    counter: {
      used: counter.used + quantity,
      includedUsed: counter.includedUsed + includedUsed,
      reserved: Math.max(0, counter.reserved - fromGrant),
    },
    grantLeft: grant - fromGrant,
  }
}

/** A quantity that becomes one line. */
interface Metered {
  readonly component: Component | null
  readonly kind: ComponentKind
  readonly llmModel: string | null
  readonly tokenClass: TokenClass | null
  readonly quantity: number
  readonly source: Source
}

/**
 * Prices a finished stage: one line per (component, token class), each rounded once, in a fixed order. Never more than
 * the quote that made the grants, if the usage is within the bound quoted (see quote.ts). A feature is one line.
 * @param grants of this stage; whatever is left of them is free for others afterwards
 */
export function priceUsage(
  tariff: Tariff,
  usage: StageUsage | FeatureUsage,
  counters: Counters,
  grants: Grants,
): PricedUsage {
  const touched = new Map<string, Counter>()
  const left = new Map(Object.entries(grants))
  const flatPaid = new Set<string>()
  const lines: Line[] = []
  let total = 0n
  for (const metered of meter(tariff, usage)) {
    const { component } = metered
    if (component === null) {
      lines.push(unpricedLine(metered))
      continue
    }
    const before = touched.get(component.key) ?? counterOf(counters, component.key)
    const priced = priceQuantity(component, metered.quantity, before, left.get(component.key) ?? 0)
    touched.set(component.key, priced.counter)
    left.set(component.key, priced.grantLeft)
    const amount = flatPaid.has(component.key) ? 0n : priced.amount
    if (component.model === 'flat' && priced.billedQuantity > 0) flatPaid.add(component.key)
    lines.push(pricedLine(metered, component, before, priced, amount))
    total += amount
  }
  for (const component of Object.keys(grants)) {
    const counter = touched.get(component) ?? counterOf(counters, component)
    touched.set(component, { ...counter, reserved: Math.max(0, counter.reserved - (left.get(component) ?? 0)) })
  }
  return { lines, total, counters: touched }
}

function meter(tariff: Tariff, usage: StageUsage | FeatureUsage): readonly Metered[] {
  if (usage.kind === 'feature') {
    const { kind, quantity } = usage
    const component = featureComponent(tariff, usage.feature)
    return [{ component, kind, llmModel: null, tokenClass: null, quantity, source: 'counted' }]
  }
  if (usage.kind === 'agent') {
    const fee = agentComponent(tariff, usage.agent)
    const once = { kind: 'agent', llmModel: null, tokenClass: null, quantity: 1, source: 'counted' } as const
    return [...(fee === null ? [] : [{ component: fee, ...once }]), ...meterCalls(tariff, usage.llm)]
  }
  const kind = usage.kind === 'input' ? 'input_tokens' : 'output_tokens'
  const component = meterComponent(tariff, kind)
  return [{ component, kind, llmModel: null, tokenClass: null, quantity: usage.tokens, source: 'counted' }]
}

/**
 * Sums the calls per (component, class). Classes come in their fixed order, components of a class in the tariff's, so
 * that the same calls in another order advance the counters in the same way.
 */
function meterCalls(tariff: Tariff, calls: readonly LlmUsage[]): readonly Metered[] {
  const all: Metered[] = []
  for (const tokenClass of TOKEN_CLASSES) {
    const sums = new Map<Component | null, Metered>()
    for (const { model, source, classes } of calls) {
      const tokens = classes[tokenClass] ?? 0
      if (tokens === 0) continue
      const component = llmComponent(tariff, model, tokenClass)
      const sum = sums.get(component)
      sums.set(component, {
        component,
        kind: 'llm_tokens',
        llmModel: sum === undefined || sum.llmModel === model ? model : '*',
        tokenClass,
        quantity: (sum?.quantity ?? 0) + tokens,
        source: sum === undefined || sum.source === 'reported' ? source : 'counted',
      })
    }
    const place = ({ component }: Metered) =>
      component === null ? Number.POSITIVE_INFINITY : tariff.components.indexOf(component)
    all.push(...[...sums.values()].sort((a, b) => place(a) - place(b)))
  }
  return all
}

function pricedLine(
  metered: Metered,
  component: Component,
  before: Counter,
  priced: PricedQuantity,
  amount: Nano,
): Line {
  return {
    ...metered,
    component: component.key,
    model: component.model,
    includedUsed: priced.includedUsed,
    billedQuantity: priced.billedQuantity,
    price: component.price,
    per: component.per,
    tiers: component.tiers,
    counterBefore: before.used,
    counterAfter: priced.counter.used,
    billedBefore: priced.billedBefore,
    amount,
  }
}

function unpricedLine(metered: Metered): Line {
  return {
    ...metered,
    component: null,
    model: null,
    includedUsed: 0,
    billedQuantity: metered.quantity,
    price: null,
    per: null,
    tiers: null,
    counterBefore: 0,
    counterAfter: 0,
    billedBefore: 0,
    amount: 0n,
  }
}

/**
 * The classes for want of whose price a model is refused before it is called: of input and output none, one or both. A
 * plan without any llm_tokens component bills every model at zero instead.
 */
export function unpricedClasses(tariff: Tariff, model: string): readonly TokenClass[] {
  if (!hasKind(tariff, 'llm_tokens')) return []
  return (['input', 'output'] as const).filter((tokenClass) => llmComponent(tariff, model, tokenClass) === null)
}

/** A tariff may be meant so; its author is told anyway. */
export interface TariffWarning {
  readonly code: 'unpriced-meter' | 'unpriced-model'
  readonly detail: string
}

const METERS = ['input_tokens', 'llm_tokens', 'output_tokens'] as const

export function tariffWarnings(tariff: Tariff): readonly TariffWarning[] {
  const meters = METERS.filter((kind) => !hasKind(tariff, kind)).map((kind) => ({
    code: 'unpriced-meter' as const,
    detail: `${kind} are billed at zero`,
  }))
  const models = new Set(tariff.components.flatMap(({ llmModel }) => llmModel ?? []))
  const refused = [...models].flatMap((model) => {
    const classes = unpricedClasses(tariff, model).join(' and ')
    const whose = model === '*' ? 'any model without a price of its own' : model
    const detail = `${whose} has no price for ${classes} tokens: jobs that call it fail before the call`
    return classes === '' ? [] : [{ code: 'unpriced-model' as const, detail }]
  })
  return [...meters, ...refused]
}

function hasKind(tariff: Tariff, kind: ComponentKind): boolean {
  return tariff.components.some((component) => component.kind === kind)
}
