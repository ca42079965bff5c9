import { z } from 'zod'
import { AGENT_KEY, COMPONENT_KEY } from '../../foundation/ids.ts'
import type { NewTariff, TariffTerms } from '../../managers/tariff.manager.ts'
import { COMPONENTS_MAX } from '../../managers/tariff-publication.ts'
import type { TariffView } from '../../managers/tariff-view.ts'
import { formatAmount } from '../../pricing/money.ts'
import type { Component, ComponentKind } from '../../pricing/tariff.ts'
import { amount, count, currency, integer, key, label, list, units } from '../fields.ts'

/** Where reading stops; how many tiers a rate may have is for pricing to say. */
const TIERS_READ_MAX = 1_000

const tier = z.strictObject({ up_to: z.nullable(units(1)), price: amount })

const componentFields = {
  key: key(COMPONENT_KEY),
  kind: z.enum(['input_tokens', 'llm_tokens', 'output_tokens', 'agent', 'feature']),
  model: z.enum(['per_unit', 'graduated', 'volume', 'package', 'flat']),
  price: z.nullable(amount),
  per: units(1),
  included: units(0),
  tiers: z.nullable(list(tier, TIERS_READ_MAX)),
  llm_model: z.nullable(label()),
  token_class: z.nullable(z.enum(['input', 'cache_read', 'cache_write', 'output', 'reasoning'])),
  agent: z.nullable(key(AGENT_KEY)),
  feature: z.nullable(key(COMPONENT_KEY)),
}

/** What a price is for, unless the component says so: a million tokens, one run, one use. */
function perOf(kind: ComponentKind): number {
  return kind === 'agent' || kind === 'feature' ? 1 : 1_000_000
}

const componentBody = z.strictObject(componentFields).partial()
type ComponentBody = z.output<typeof componentBody>

/** A component as a request gives it, with the defaults of contract.md. */
export const newComponent = componentBody.required({ key: true, kind: true }).transform(
  ({ key, kind, ...body }): Component => ({
    key,
    kind,
    model: body.model ?? 'per_unit',
    price: body.price ?? null,
    per: body.per ?? perOf(kind),
    included: body.included ?? 0,
    tiers: tiersFromJson(body.tiers ?? null),
    llmModel: body.llm_model ?? null,
    tokenClass: body.token_class ?? null,
    agent: body.agent ?? null,
    feature: body.feature ?? null,
  }),
)

/** The fields of a component that a PATCH names. */
export const componentPatch = componentBody.transform(
  ({ tiers, llm_model: llmModel, token_class: tokenClass, ...same }): Partial<Component> =>
    given({ ...same, tiers: tiers === undefined ? undefined : tiersFromJson(tiers), llmModel, tokenClass }),
)

function tiersFromJson(tiers: ComponentBody['tiers'] | null): Component['tiers'] {
  return tiers?.map(({ up_to: upTo, price }) => ({ upTo, price })) ?? null
}

/** Ten years: whoever waits longer for a fee means no fee. */
const DAYS_MAX = 3_650

const termsBody = z
  .strictObject({
    name: label(),
    price_per_month: amount,
    max_team_members: z.nullable(count),
    member_price: amount,
    minimum_per_job: amount,
    currency,
    charge_on_failure: z.enum(['none', 'finished_stages']),
    grace_days: integer(0, DAYS_MAX),
    suspend_after_days: integer(0, DAYS_MAX),
  })
  .partial()

/** The fields of a tariff that a PATCH names. */
export const tariffPatch = termsBody.transform((body): Partial<TariffTerms> => given(termsFromJson(body)))

/** A tariff as a request gives it, with the defaults of contract.md; the currency's is a setting. */
export const newTariff = termsBody
  .required({ name: true })
  .extend({ components: list(newComponent, COMPONENTS_MAX).optional(), publish: z.boolean().optional() })
  .transform(({ components, publish, ...body }): Omit<NewTariff, 'currency'> & Partial<Pick<NewTariff, 'currency'>> => {
    const terms = termsFromJson(body)
    return {
      name: body.name,
      pricePerMonth: terms.pricePerMonth ?? 0n,
      maxTeamMembers: terms.maxTeamMembers ?? null,
      memberPrice: terms.memberPrice ?? 0n,
      chargeOnFailure: terms.chargeOnFailure ?? 'none',
      ...given({
        currency: terms.currency,
        minimumPerJob: terms.minimumPerJob,
        graceDays: terms.graceDays,
        suspendAfterDays: terms.suspendAfterDays,
      }),
      components: components ?? [],
      publish: publish ?? false,
    }
  })

function termsFromJson(body: z.output<typeof termsBody>) {
  return {
    name: body.name,
    pricePerMonth: body.price_per_month,
    maxTeamMembers: body.max_team_members,
    memberPrice: body.member_price,
    minimumPerJob: body.minimum_per_job,
    currency: body.currency,
    chargeOnFailure: body.charge_on_failure,
    graceDays: body.grace_days,
    suspendAfterDays: body.suspend_after_days,
  }
}

/** Without the fields that were not given, so that they change nothing. */
export function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> }
}

export function tariffToJson(view: TariffView) {
  const { tariff, state, draftVersion, warnings, createdAt, publishedAt } = view
  return {
    id: tariff.planId,
    version: tariff.version,
    state,
    name: tariff.name,
    currency: tariff.currency,
    price_per_month: formatAmount(tariff.pricePerMonth),
    max_team_members: tariff.maxTeamMembers,
    member_price: formatAmount(tariff.memberPrice),
    minimum_per_job: formatAmount(tariff.minimumPerJob),
    charge_on_failure: tariff.chargeOnFailure,
    grace_days: tariff.graceDays,
    suspend_after_days: tariff.suspendAfterDays,
    components: tariff.components.map(componentToJson),
    warnings,
    next: nextOf(view),
    draft_version: draftVersion,
    created_at: createdAt.toISOString(),
    published_at: publishedAt?.toISOString() ?? null,
    content_hash: view.contentHash,
  }
}

/** A draft is published; what is published is assigned. */
function nextOf({ tariff, state, draftVersion }: TariffView): string | null {
  if (draftVersion !== null) return `POST /api/v1/admin/tariffs/${tariff.planId}/publish`
  return state === 'archived' ? null : 'POST /api/v1/admin/organizations'
}

export function componentToJson(component: Component) {
  const { key, kind, model, price, per, included, tiers, llmModel, tokenClass, agent, feature } = component
  return {
    key,
    kind,
    model,
    price: price === null ? null : formatAmount(price),
    per,
    included,
    tiers: tiers?.map((each) => ({ up_to: each.upTo, price: formatAmount(each.price) })) ?? null,
    llm_model: llmModel,
    token_class: tokenClass,
    agent,
    feature,
  }
}
