import type { EntityManager } from '@mikro-orm/postgresql'
import { invariant } from '../foundation/invariant.ts'
import { Organization } from '../models/organization.model.ts'
import { OrganizationBalance } from '../models/organization-balance.model.ts'
import type { MoveTime } from '../models/plan-move.model.ts'
import { TariffComponent } from '../models/tariff-component.model.ts'
import { TariffPlan } from '../models/tariff-plan.model.ts'
import { TariffVersion } from '../models/tariff-version.model.ts'
import { UsageCounter } from '../models/usage-counter.model.ts'
import { type Comparison, compareVersions } from '../pricing/comparison.ts'
import { type TariffWarning, tariffWarnings } from '../pricing/price.ts'
import type { Tariff } from '../pricing/tariff.ts'
import type { DatabaseTime } from './database-time.ts'
import { candidatesAfter, countCandidates, type MoveTarget } from './plan-candidates.ts'
import type { MoveProblem } from './plan-move.manager.ts'
import { seatLimitError } from './seat-limit.ts'
import { refuseArchived, unknownTariff } from './tariff-draft.ts'
import { nextPublication } from './tariff-publication.ts'
import { toTariff } from './tariff-row.ts'

/** What a move would mean for one organisation. */
export interface PreviewedMove {
  readonly organizationId: string
  readonly old: Tariff
  /** The use of the running period, priced by both versions. */
  readonly comparison: Comparison
  /** Why it would be left where it is. */
  readonly problem: MoveProblem | null
}

export interface PlanPreview {
  /** What would be the newest published version. */
  readonly tariff: Tariff
  readonly contentHash: string
  readonly warnings: readonly TariffWarning[]
  /** Organisations that the move would be about. */
  readonly total: number
  readonly moves: readonly PreviewedMove[]
  /** The id behind which the next page begins. */
  readonly next: string | null
}

/** Says what publishing a plan would mean for those who are on it. Reads only. */
export class PlanPreviewManager {
  readonly #time: DatabaseTime

  constructor(time: DatabaseTime) {
    this.#time = time
  }

  /**
   * What publishing now would come to; organisations by their ids, from behind `after`. For `new` nobody is moved.
   * @throws as publishing: NotFoundError, ValidationError, ConflictError `tariff-not-published` (archived)
   */
  async preview(
    em: EntityManager,
    planId: string,
    applyTo: MoveTime | 'new',
    { limit, after }: { readonly limit: number; readonly after: string | null },
  ): Promise<PlanPreview> {
    const plan = await em.findOne(TariffPlan, { id: planId })
    if (!plan) throw unknownTariff()
    refuseArchived(plan)
    const { tariff, hash } = await nextPublication(em, plan)
    const published = { tariff, contentHash: hash, warnings: tariffWarnings(tariff) }
    if (applyTo === 'new') return { ...published, total: 0, moves: [], next: null }
    const target: MoveTarget = { planId, version: tariff.version, applyTo }
    const found = await candidatesAfter(em, target, { after, limit: limit + 1 })
    const page = found.slice(0, limit)
    return {
      ...published,
      total: await countCandidates(em, target),
      moves: await movesOf(em, plan, tariff, page, await this.#time.now(em)),
      next: found.length > limit ? (page.at(-1) ?? null) : null,
    }
  }
}

async function movesOf(
  em: EntityManager,
  plan: TariffPlan,
  next: Tariff,
  ids: readonly string[],
  now: Date,
): Promise<readonly PreviewedMove[]> {
  const organizations = await em.find(Organization, { id: { $in: [...ids] } }, { orderBy: { id: 'asc' } })
  const balances = await em.find(OrganizationBalance, { organizationId: { $in: [...ids] } })
  const seatsUsed = new Map(balances.map((balance) => [balance.organizationId, balance.seatsUsed]))
  const tariffs = await tariffsOf(em, plan, organizations)
  const counters = await runningCounters(em, plan, organizations, now)
  return organizations.map(({ id: organizationId, tariffVersionId }) => {
    const old = tariffs.get(tariffVersionId ?? '')
    invariant(old, 'a candidate is on a version of the plan')
    const uses = (counters.get(organizationId) ?? [])
      .toSorted(byPlaceIn(old))
      .map(({ component, used, includedUsed }) => ({ component, used, includedUsed }))
    const tooMany = seatLimitError(next.maxTeamMembers, seatsUsed.get(organizationId) ?? 0)
    const problem = tooMany && { organizationId, code: tooMany.code, detail: tooMany.message }
    return { organizationId, old, comparison: compareVersions(old, next, uses), problem }
  })
}

/** The versions that these organisations are on. */
async function tariffsOf(em: EntityManager, plan: TariffPlan, organizations: readonly Organization[]) {
  const ids = [...new Set(organizations.flatMap(({ tariffVersionId }) => tariffVersionId ?? []))]
  const versions = await em.find(TariffVersion, { id: { $in: ids } })
  const rows = Map.groupBy(await em.find(TariffComponent, { versionId: { $in: ids } }), ({ versionId }) => versionId)
  return new Map(versions.map((version) => [version.id, toTariff(version, plan, rows.get(version.id) ?? [])]))
}

/** What was used in the period that runs now; an organisation whose period has ended has used nothing of the next one yet. */
async function runningCounters(em: EntityManager, plan: TariffPlan, organizations: readonly Organization[], now: Date) {
  const running = organizations.filter(({ periodEnd }) => periodEnd > now)
  const startOf = new Map(running.map(({ id, periodStart }) => [id, periodStart.getTime()]))
  const starts = [...new Set(startOf.values())].map((start) => new Date(start))
  const rows = await em.find(UsageCounter, {
    planId: plan.id,
    organizationId: { $in: [...startOf.keys()] },
    periodStart: { $in: starts },
    used: { $gt: 0 },
  })
  return Map.groupBy(
    rows.filter((row) => row.periodStart.getTime() === startOf.get(row.organizationId)),
    ({ organizationId }) => organizationId,
  )
}

/** Components in the order of the tariff; those that it does not have any more come last, by their keys. */
function byPlaceIn({ components }: Tariff) {
  const place = (key: string): number => {
    const index = components.findIndex((component) => component.key === key)
    return index < 0 ? components.length : index
  }
  return (a: UsageCounter, b: UsageCounter): number =>
    place(a.component) - place(b.component) || (a.component < b.component ? -1 : 1)
}
