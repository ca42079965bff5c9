import { type EntityManager, LockMode } from '@mikro-orm/postgresql'
import { ConflictError, NotFoundError } from '../foundation/errors.ts'
import { newId } from '../foundation/ids.ts'
import { invariant } from '../foundation/invariant.ts'
import { TariffComponent } from '../models/tariff-component.model.ts'
import { TariffPlan } from '../models/tariff-plan.model.ts'
import { TariffVersion } from '../models/tariff-version.model.ts'
import { componentToRow, toTariff } from './tariff-row.ts'

/** Locks a plan for a change. @throws NotFoundError, ConflictError `tariff-not-published` (archived) */
export async function lockPlan(em: EntityManager, id: string): Promise<TariffPlan> {
  const plan = await em.findOne(TariffPlan, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE })
  if (!plan) throw unknownTariff()
  refuseArchived(plan)
  return plan
}

/** @throws ConflictError `tariff-not-published` */
export function refuseArchived(plan: TariffPlan): void {
  if (plan.archivedAt === null) return
  throw new ConflictError('tariff-not-published', 'This plan is archived and stays as it is; create another one')
}

/** The plan's draft, or a new one that copies the newest published version. The plan is locked. */
export async function openDraft(em: EntityManager, plan: TariffPlan): Promise<TariffVersion> {
  const [newest] = await em.find(TariffVersion, { planId: plan.id }, { orderBy: { version: 'desc' }, limit: 1 })
  invariant(newest, 'a plan has at least one version')
  if (newest.state === 'draft') return newest
  const draft = em.create(TariffVersion, {
    id: newId(),
    planId: plan.id,
    version: newest.version + 1,
    state: 'draft',
    name: newest.name,
    pricePerMonth: newest.pricePerMonth,
    maxTeamMembers: newest.maxTeamMembers,
    memberPrice: newest.memberPrice,
    minimumPerJob: newest.minimumPerJob,
    chargeOnFailure: newest.chargeOnFailure,
    graceDays: newest.graceDays,
    suspendAfterDays: newest.suspendAfterDays,
    publishedAt: null,
    contentHash: null,
  })
  const rows = await em.find(TariffComponent, { versionId: newest.id })
  for (const component of toTariff(newest, plan, rows).components.entries()) {
    em.create(TariffComponent, componentToRow(draft.id, ...component))
  }
  await em.flush()
  return draft
}

export function unknownTariff(): NotFoundError {
  return new NotFoundError('There is no such tariff; GET /api/v1/admin/tariffs lists them')
}
