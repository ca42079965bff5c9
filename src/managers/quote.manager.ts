import type { EntityManager } from '@mikro-orm/postgresql'
import type { TariffCache } from '../database/money/tariff-cache.ts'
import { ConflictError, TollkeeperError } from '../foundation/errors.ts'
import { unknownOrganization } from '../ledger/fold.ts'
import { periodAt } from '../ledger/period.ts'
import { Organization } from '../models/organization.model.ts'
import { OrganizationBalance } from '../models/organization-balance.model.ts'
import { UsageCounter } from '../models/usage-counter.model.ts'
import type { Nano } from '../pricing/money.ts'
import { tariffWarnings } from '../pricing/price.ts'
import { type BoundedStage, fitToCost, quoteStages } from '../pricing/quote.ts'
import type { QuoteView } from './contract-json.ts'

interface QuoteOf {
  readonly organizationId: string
  readonly bounds: readonly BoundedStage[]
  readonly inputTokens: number
  readonly maxCost: Nano | null
  readonly outputLimit: number
}

/** Says what a job would cost at least and at most, as things stand now. Holds nothing, promises nothing. */
export class QuoteManager {
  readonly #tariffs: TariffCache
  readonly #loadFrom: Parameters<TariffCache['load']>[0]

  constructor(tariffs: TariffCache, loadFrom: Parameters<TariffCache['load']>[0]) {
    this.#tariffs = tariffs
    this.#loadFrom = loadFrom
  }

  /** @throws NotFoundError; ConflictError `no-tariff`; 422 `max-cost-too-low` where the smallest run costs more */
  async quote(
    em: EntityManager,
    { organizationId, bounds, inputTokens, maxCost, outputLimit }: QuoteOf,
  ): Promise<QuoteView> {
    const organization = await em.findOne(Organization, { id: organizationId })
    if (!organization) throw unknownOrganization(organizationId)
    const { tariffVersionId: versionId } = organization
    if (versionId === null) {
      throw new ConflictError('no-tariff', `${organizationId} has no tariff; assign a published one first`)
    }
    const tariff = (await this.#tariffs.load(this.#loadFrom, [versionId])).get(versionId)
    const balance = await em.findOneOrFail(OrganizationBalance, { organizationId })
    if (!tariff) throw new ConflictError('no-tariff', `The tariff of ${organizationId} is gone; assign a published one`)
    const periodStart = new Date(periodAt(organization.periodAnchor.getTime(), Date.now()).start)
    const rows = await em.find(UsageCounter, { organizationId, planId: tariff.planId, periodStart })
    const counters = new Map(rows.map((row) => [row.component, row] as const))
    const fitting = maxCost === null ? bounds : fitToCost(tariff, bounds, counters, maxCost, outputLimit)
    if (!fitting) {
      throw new TollkeeperError(
        'max-cost-too-low',
        422,
        'max_cost does not cover the smallest possible run of this job',
      )
    }
    const quote = quoteStages(tariff, fitting, counters)
    return {
      organizationId,
      tariffId: tariff.planId,
      tariffVersion: tariff.version,
      currency: organization.currency,
      inputTokens,
      quote,
      available: balance.available,
      affordable: quote.upper <= balance.available + balance.overdraftLimit,
      warnings: tariffWarnings(tariff),
    }
  }
}
