import type { EntityManager } from '@mikro-orm/postgresql'
import { invariant } from '../foundation/invariant.ts'
import { TariffComponent } from '../models/tariff-component.model.ts'
import type { TariffPlan } from '../models/tariff-plan.model.ts'
import type { TariffVersion, TariffVersionState } from '../models/tariff-version.model.ts'
import { type TariffWarning, tariffWarnings } from '../pricing/price.ts'
import type { Tariff } from '../pricing/tariff.ts'
import { contentHash } from './content-hash.ts'
import { toTariff } from './tariff-row.ts'

/** One version of a plan, and where the plan stands. */
export interface TariffView {
  readonly tariff: Tariff
  readonly state: TariffVersionState
  /** The version that edits go to, or null: the next edit opens one. */
  readonly draftVersion: number | null
  readonly warnings: readonly TariffWarning[]
  readonly createdAt: Date
  readonly publishedAt: Date | null
  /** SHA-256 in hex of what a published version says; null: it was never published, and may change. */
  readonly contentHash: string | null
}

/** A version that is to be shown, and all versions of its plan, ascending. */
export interface Shown {
  readonly plan: TariffPlan
  readonly versions: readonly TariffVersion[]
  readonly shown: TariffVersion
}

export async function tariffViews(em: EntityManager, all: readonly Shown[]): Promise<readonly TariffView[]> {
  const ids = all.map(({ shown }) => shown.id)
  const rows = await em.find(TariffComponent, { versionId: { $in: ids } })
  const ofVersion = Map.groupBy(rows, ({ versionId }) => versionId)
  return all.map(({ plan, versions, shown }) => {
    const tariff = toTariff(shown, plan, ofVersion.get(shown.id) ?? [])
    return {
      tariff,
      state: shown.state,
      draftVersion: versions.find(({ state }) => state === 'draft')?.version ?? null,
      warnings: tariffWarnings(tariff),
      createdAt: shown.createdAt,
      publishedAt: shown.publishedAt,
      // What was published before hashes were kept has none, and never changed since.
      contentHash: shown.publishedAt === null ? null : (shown.contentHash ?? contentHash(tariff)),
    }
  })
}

/** What stands for the plan: its newest published version, or the newest while none ever was. */
export function representative(versions: readonly TariffVersion[]): TariffVersion {
  const shown = versions.findLast(({ publishedAt }) => publishedAt !== null) ?? versions.at(-1)
  invariant(shown, 'a plan has at least one version')
  return shown
}
