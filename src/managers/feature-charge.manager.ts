import type { EntityManager } from '@mikro-orm/postgresql'
import { balanceFromJson, type Json } from '../database/money/rows.ts'
import { lineFromJson, type StoredLine } from '../database/money/stored-lines.ts'
import { NotFoundError } from '../foundation/errors.ts'
import { invariant } from '../foundation/invariant.ts'
import type { BalanceView, FeatureChargeRow } from '../ledger/facts.ts'
import { unknownOrganization } from '../ledger/fold.ts'
import { FeatureCharge } from '../models/feature-charge.model.ts'
import { Organization } from '../models/organization.model.ts'
import { TariffVersion } from '../models/tariff-version.model.ts'
import { type FeatureChargeView, featureChargeView } from './feature-charge-view.ts'

/** Shows what was charged for features outside of jobs. Charging is TokenBasedBillingManager's. */
export class FeatureChargeManager {
  /** @throws NotFoundError */
  async find(em: EntityManager, id: string): Promise<FeatureChargeView> {
    const charge = await em.findOne(FeatureCharge, { id })
    if (!charge) throw new NotFoundError()
    return (await views(em, [charge]))[0] as FeatureChargeView
  }

  /** The charges of an organisation, newest first, from behind `before`. @throws NotFoundError */
  async list(
    em: EntityManager,
    organizationId: string,
    { limit, before }: { readonly limit: number; readonly before: string | null },
  ): Promise<{ readonly charges: readonly FeatureChargeView[]; readonly more: boolean }> {
    if (!(await em.count(Organization, { id: organizationId }))) throw unknownOrganization(organizationId)
    const older = before === null ? {} : { id: { $lt: before } }
    const rows = await em.find(
      FeatureCharge,
      { organizationId, ...older },
      { orderBy: { id: 'desc' }, limit: limit + 1 },
    )
    return { charges: await views(em, rows.slice(0, limit)), more: rows.length > limit }
  }
}

async function views(em: EntityManager, charges: readonly FeatureCharge[]): Promise<readonly FeatureChargeView[]> {
  const ids = charges.map(({ tariffVersionId }) => tariffVersionId)
  const versions = new Map((await em.find(TariffVersion, { id: { $in: ids } })).map((version) => [version.id, version]))
  return charges.map((charge) => {
    const version = versions.get(charge.tariffVersionId)
    invariant(version, `tariff version ${charge.tariffVersionId} exists`)
    return featureChargeView(rowOf(charge), version)
  })
}

function rowOf(charge: FeatureCharge): FeatureChargeRow {
  const { id, organizationId, key, feature, quantity, userId, tariffVersionId } = charge
  return {
    ...{ id, organizationId, key, feature, quantity, userId, tariffVersionId },
    periodStart: charge.periodStart.getTime(),
    line: lineFromJson(charge.line as StoredLine),
    balance: balanceFromJson(charge.balance as Json<BalanceView>),
    createdAt: charge.createdAt.getTime(),
  }
}
