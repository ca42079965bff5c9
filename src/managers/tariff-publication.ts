import type { EntityManager } from '@mikro-orm/postgresql'
import { ValidationError } from '../foundation/errors.ts'
import { invariant } from '../foundation/invariant.ts'
import { TariffComponent } from '../models/tariff-component.model.ts'
import type { TariffPlan } from '../models/tariff-plan.model.ts'
import { TariffVersion } from '../models/tariff-version.model.ts'
import { publishErrors } from '../pricing/publish.ts'
import type { Component, Tariff } from '../pricing/tariff.ts'
import { contentHash } from './content-hash.ts'
import { toTariff } from './tariff-row.ts'

/** More prices than this in one version is a price list, which belongs into several plans; every quote walks them. */
export const COMPONENTS_MAX = 200

/** What publishing a plan comes to. */
export interface Publication {
  /** The version that is the newest published one afterwards: the draft, or the one that is it already. */
  readonly version: TariffVersion
  readonly tariff: Tariff
  readonly hash: string
  /** A draft that says nothing new: publishing removes it and makes no number of it. */
  readonly redundant: TariffVersion | null
}

/**
 * What publishing the plan would come to now, without any effect.
 * @throws ValidationError where the draft cannot be priced
 */
export async function nextPublication(em: EntityManager, plan: TariffPlan): Promise<Publication> {
  const versions = await em.find(TariffVersion, { planId: plan.id }, { orderBy: { version: 'asc' } })
  const draft = versions.find(({ state }) => state === 'draft') ?? null
  const newest = versions.findLast(({ publishedAt }) => publishedAt !== null) ?? null
  const published = newest && (await publicationOf(em, plan, newest))
  if (!draft) {
    invariant(published, 'a plan without a draft was published')
    return published
  }
  const next = await publicationOf(em, plan, draft)
  refuseUnpriceable(next.tariff.components)
  return published?.hash === next.hash ? { ...published, redundant: draft } : next
}

/** The hash is of what the rows say now, also where an older one is stored: what is compared is meant alike. */
async function publicationOf(em: EntityManager, plan: TariffPlan, version: TariffVersion): Promise<Publication> {
  const rows = await em.find(TariffComponent, { versionId: version.id })
  const tariff = toTariff(version, plan, rows)
  return { version, tariff, hash: contentHash(tariff), redundant: null }
}

export async function removeDraft(em: EntityManager, draft: TariffVersion): Promise<void> {
  for (const component of await em.find(TariffComponent, { versionId: draft.id })) em.remove(component)
  await em.flush()
  em.remove(draft)
  await em.flush()
}

/** Drafts are checked, too: an author learns of a mistake where it is made, and the table holds only what can be priced. */
export function refuseUnpriceable(components: readonly Component[]): void {
  if (components.length > COMPONENTS_MAX) {
    throw ValidationError.of('/components', 'invalid-value', `Give at most ${COMPONENTS_MAX} components`)
  }
  const errors = publishErrors({ components })
  if (errors.length > 0) throw new ValidationError(errors)
}
