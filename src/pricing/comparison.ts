import { counterOf } from './counters.ts'
import type { Nano } from './money.ts'
import { priceQuantity } from './price.ts'
import type { Component, Tariff } from './tariff.ts'

/** What was used of one component so far in a period, in its units. */
export interface UsedUnits {
  readonly component: string
  readonly used: number
  /** Of these, the free ones. */
  readonly includedUsed: number
}

export interface ComparedUse extends UsedUnits {
  /** Nano-units; null: this version has no price for what the component measures. */
  readonly amountAtOld: Nano | null
  readonly amountAtNew: Nano | null
}

export interface Comparison {
  readonly uses: readonly ComparedUse[]
  /** New less old, in nano-units; what has no price counts as 0. Below 0 the new version is cheaper. */
  readonly difference: Nano
}

/**
 * What the use of a period would cost as one line per component, by two versions of a plan. An estimate, since real lines
 * are charged stage by stage: the included units of each version come off first, as if nobody were promised any; a graduated
 * rate counts from the first billed unit; a volume rate prices all units at the tier where they end, though earlier lines
 * were priced at the tier of their day; of packages those that were begun count; a flat rate counts once, though it is
 * charged for each stage. The new price of a component is the one of what it measures, whatever its key is there.
 */
export function compareVersions(old: Tariff, next: Tariff, uses: readonly UsedUnits[]): Comparison {
  const compared = uses.map((use): ComparedUse => {
    const before = old.components.find(({ key }) => key === use.component) ?? null
    const after = next.components.find((each) =>
      before === null ? each.key === use.component : meterOf(each) === meterOf(before),
    )
    return { ...use, amountAtOld: amountAt(before, use.used), amountAtNew: amountAt(after ?? null, use.used) }
  })
  const difference = compared.reduce((sum, use) => sum + (use.amountAtNew ?? 0n) - (use.amountAtOld ?? 0n), 0n)
  return { uses: compared, difference }
}

function meterOf({ kind, llmModel, tokenClass, agent, feature }: Component): string {
  return JSON.stringify([kind, llmModel, tokenClass, agent, feature])
}

function amountAt(component: Component | null, used: number): Nano | null {
  if (component === null) return null
  return priceQuantity(component, used, counterOf(new Map(), component.key), 0).amount
}
