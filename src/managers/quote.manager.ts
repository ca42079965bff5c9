import type { EntityManager } from '@mikro-orm/postgresql'
import type { TariffCache } from '../database/money/tariff-cache.ts'
import { ConflictError, ValidationError } from '../foundation/errors.ts'
import { unknownOrganization } from '../ledger/fold.ts'
import { periodAt } from '../ledger/period.ts'
import { Organization } from '../models/organization.model.ts'
import { OrganizationBalance } from '../models/organization-balance.model.ts'
import { UsageCounter } from '../models/usage-counter.model.ts'
import type { Nano } from '../pricing/money.ts'
import { type TariffWarning, tariffWarnings, unpricedClasses } from '../pricing/price.ts'
import { type BoundedStage, fitToCost, quoteStages } from '../pricing/quote.ts'
import type { Tariff } from '../pricing/tariff.ts'
import type { QuoteView } from './contract-json.ts'
import { requireMember } from './team-billing.manager.ts'

interface QuoteOf {
  readonly organizationId: string
  readonly userId: string | null
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

  /**
   * @throws NotFoundError; ConflictError `no-tariff`; ForbiddenError `not-a-member`; ValidationError at `/max_cost` where
   *         the smallest run costs more
   */
  async quote(
    em: EntityManager,
    { organizationId, userId, bounds, inputTokens, maxCost, outputLimit }: QuoteOf,
  ): Promise<QuoteView> {
    const organization = await em.findOne(Organization, { id: organizationId })
    if (!organization) throw unknownOrganization(organizationId)
    const { tariffVersionId: versionId } = organization
    if (versionId === null) {
      throw new ConflictError('no-tariff', `${organizationId} has no tariff; assign a published one first`)
    }
    await requireMember(em, { organizationId, userId })
    const tariff = (await this.#tariffs.load(this.#loadFrom, [versionId])).get(versionId)
    const balance = await em.findOneOrFail(OrganizationBalance, { organizationId })
    if (!tariff) throw new ConflictError('no-tariff', `The tariff of ${organizationId} is gone; assign a published one`)
    const periodStart = new Date(periodAt(organization.periodAnchor.getTime(), Date.now()).start)
    const rows = await em.find(UsageCounter, { organizationId, planId: tariff.planId, periodStart })
    const counters = new Map(rows.map((row) => [row.component, row] as const))
    const fitting = maxCost === null ? bounds : fitToCost(tariff, bounds, counters, maxCost, outputLimit)
    if (!fitting) {
      const detail = 'max_cost does not cover the smallest possible run of this job; raise it or shorten the text'
      throw ValidationError.of('/max_cost', 'out-of-range', detail)
    }
    const quote = quoteStages(tariff, fitting, counters)
    const refused = unpricedModels(tariff, bounds)
    return {
      organizationId,
      tariffId: tariff.planId,
      tariffVersion: tariff.version,
      currency: organization.currency,
      inputTokens,
      quote,
      available: balance.available,
      affordable: refused.length === 0 && quote.upper <= balance.available + balance.overdraftLimit,
      warnings: [...tariffWarnings(tariff), ...refused],
    }
  }
}

/** Models that the job would call and the tariff has no price for: however much money is there, the job would fail. */
function unpricedModels(tariff: Tariff, bounds: readonly BoundedStage[]): readonly TariffWarning[] {
  const models = new Set(bounds.flatMap(({ bound }) => (bound.kind === 'agent' && bound.llm ? [bound.llm.model] : [])))
  return [...models].flatMap((model) => {
    const classes = unpricedClasses(tariff, model)
    const detail = `${classes.join(' and ')} tokens of model ${model} have no price: this job would fail before the call`
    return classes.length === 0 ? [] : [{ code: 'unpriced-model' as const, detail }]
  })
}
