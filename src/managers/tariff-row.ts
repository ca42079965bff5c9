import { newId } from '../foundation/ids.ts'
import type { TariffComponent } from '../models/tariff-component.model.ts'
import type { TariffPlan } from '../models/tariff-plan.model.ts'
import type { TariffVersion } from '../models/tariff-version.model.ts'
import type { Component, Tariff } from '../pricing/tariff.ts'

type ComponentRow = Omit<TariffComponent, 'id' | 'versionId' | 'position'>

/** One version of a plan as pricing needs it. `components` are the version's, in any order. */
export function toTariff(version: TariffVersion, plan: TariffPlan, components: readonly TariffComponent[]): Tariff {
  return {
    planId: plan.id,
    versionId: version.id,
    version: version.version,
    name: version.name,
    currency: plan.currency,
    pricePerMonth: version.pricePerMonth,
    maxTeamMembers: version.maxTeamMembers,
    memberPrice: version.memberPrice,
    minimumPerJob: version.minimumPerJob,
    chargeOnFailure: version.chargeOnFailure,
    graceDays: version.graceDays,
    suspendAfterDays: version.suspendAfterDays,
    components: components.toSorted((a, b) => a.position - b.position).map(componentFromRow),
  }
}

/** Amounts inside of jsonb are decimal strings, since JSON has no bigint. */
function componentFromRow(row: ComponentRow): Component {
  const { key, kind, model, price, per, included, tiers, llmModel, tokenClass, agent, feature } = row
  return {
    key,
    kind,
    model,
    price,
    per,
    included,
    tiers: tiers?.map((tier) => ({ upTo: tier.upTo, price: BigInt(tier.price) })) ?? null,
    llmModel,
    tokenClass,
    agent,
    feature,
  }
}

/** A new row; of one that exists take {@link componentColumns}. */
export function componentToRow(
  versionId: string,
  position: number,
  component: Component,
): ComponentRow & { readonly id: string; readonly versionId: string; readonly position: number } {
  return { id: newId(), versionId, position, ...componentColumns(component) }
}

/** What of a row its author decides. */
export function componentColumns(component: Component): ComponentRow {
  const { key, kind, model, price, per, included, tiers, llmModel, tokenClass, agent, feature } = component
  return {
    key,
    kind,
    model,
    price,
    per,
    included,
    tiers: tiers?.map((tier) => ({ upTo: tier.upTo, price: tier.price.toString() })) ?? null,
    llmModel,
    tokenClass,
    agent,
    feature,
  }
}
