import type pg from 'pg'
import { invariant } from '../../foundation/invariant.ts'
import type { Component, Tariff } from '../../pricing/tariff.ts'

/** Tariff versions kept in memory; one is a few kilobytes, and a published one never changes. */
const VERSIONS_MAX = 1_000

const TARIFFS_BY_VERSION = `
select v.id as "versionId", v.plan_id as "planId", v.version, v.name, p.currency,
  v.price_per_month::text as "pricePerMonth", v.max_team_members as "maxTeamMembers",
  v.member_price::text as "memberPrice", v.minimum_per_job::text as "minimumPerJob",
  v.charge_on_failure as "chargeOnFailure", v.grace_days as "graceDays", v.suspend_after_days as "suspendAfterDays",
  coalesce((select jsonb_agg(jsonb_build_object('key', c.key, 'kind', c.kind, 'model', c.model, 'price', c.price::text,
    'per', c.per, 'included', c.included, 'tiers', c.tiers, 'llmModel', c.llm_model, 'tokenClass', c.token_class,
    'agent', c.agent, 'feature', c.feature) order by c.position)
    from tollkeeper.tariff_components c where c.version_id = v.id), '[]') as components
from tollkeeper.tariff_versions v join tollkeeper.tariff_plans p on p.id = v.plan_id
where v.id = any ($1::uuid[])`

interface TariffJson extends Omit<Tariff, 'pricePerMonth' | 'memberPrice' | 'minimumPerJob' | 'components'> {
  readonly pricePerMonth: string
  readonly memberPrice: string
  readonly minimumPerJob: string
  readonly components: readonly (Omit<Component, 'price' | 'tiers'> & {
    readonly price: string | null
    readonly tiers: readonly { upTo: number | null; price: string }[] | null
  })[]
}

function tariffFromJson(row: TariffJson): Tariff {
  return {
    ...row,
    pricePerMonth: BigInt(row.pricePerMonth),
    memberPrice: BigInt(row.memberPrice),
    minimumPerJob: BigInt(row.minimumPerJob),
    components: row.components.map((component) => ({
      ...component,
      price: component.price === null ? null : BigInt(component.price),
      tiers: component.tiers?.map((tier) => ({ upTo: tier.upTo, price: BigInt(tier.price) })) ?? null,
    })),
  }
}

/** Published tariff versions by id, read once. */
export class TariffCache {
  readonly #versions = new Map<string, Tariff>()

  /** @returns every version asked for, or null where one was not read yet */
  loaded(ids: Iterable<string>): ReadonlyMap<string, Tariff> | null {
    const found = new Map<string, Tariff>()
    for (const id of ids) {
      const tariff = this.#versions.get(id)
      if (tariff === undefined) return null
      found.set(id, tariff)
    }
    return found
  }

  /** @returns every version asked for; reads the unknown ones through `client`. */
  async load(client: pg.ClientBase | pg.Pool, ids: Iterable<string>): Promise<ReadonlyMap<string, Tariff>> {
    const wanted = new Set(ids)
    const missing = [...wanted].filter((id) => !this.#versions.has(id))
    if (missing.length > 0) {
      const { rows } = await client.query<TariffJson>(TARIFFS_BY_VERSION, [missing])
      for (const row of rows) this.#remember(tariffFromJson(row))
    }
    return new Map(
      [...wanted].map((id) => {
        const tariff = this.#versions.get(id)
        invariant(tariff, `tariff version ${id} exists`)
        return [id, tariff] as const
      }),
    )
  }

  #remember(tariff: Tariff): void {
    const oldest = this.#versions.size >= VERSIONS_MAX ? this.#versions.keys().next().value : undefined
    if (oldest !== undefined) this.#versions.delete(oldest)
    this.#versions.set(tariff.versionId, tariff)
  }
}
