import type { EntityManager } from '@mikro-orm/postgresql'
import type { TariffCache } from '../database/money/tariff-cache.ts'
import type { Clock } from '../foundation/clock.ts'
import { ConflictError, NotFoundError, ValidationError } from '../foundation/errors.ts'
import { ACCOUNT_ID } from '../foundation/ids.ts'
import { unknownOrganization } from '../ledger/fold.ts'
import { blockedBy } from '../ledger/hold.ts'
import { periodAt } from '../ledger/period.ts'
import { Job } from '../models/job.model.ts'
import { Organization } from '../models/organization.model.ts'
import { OrganizationBalance } from '../models/organization-balance.model.ts'
import { TeamMember } from '../models/team-member.model.ts'
import { UsageCounter } from '../models/usage-counter.model.ts'
import { BatchQuote, type ListedQuote, unpricedModels } from '../pricing/batch-quote.ts'
import type { Counters } from '../pricing/counters.ts'
import { limitTooLow } from '../pricing/minimum.ts'
import { formatAmount, NANO_MAX, type Nano } from '../pricing/money.ts'
import { tariffWarnings, unpricedClasses } from '../pricing/price.ts'
import { type BoundedStage, fitToCost, type JobQuote, quoteStages } from '../pricing/quote.ts'
import type { Tariff } from '../pricing/tariff.ts'
import type { BatchQuoteView, QuoteView, QuoteWarning } from './quote-view.ts'
import { limitLeft, requireMember } from './team-billing.manager.ts'

/** Who would pay, for whom, and at most how much for a job. */
interface QuoteTerms {
  readonly organizationId: string
  readonly userId: string | null
  readonly maxCost: Nano | null
  /** The output limit per agent that bounds are made with, in tokens. */
  readonly outputLimit: number
}

/** A text as its job would be admitted: its exact tokens, and the most that each stage may use. */
export interface BoundedText {
  readonly inputTokens: number
  readonly bounds: readonly BoundedStage[]
}

/** The rows that quotes are made from. */
interface Standing {
  readonly organization: Organization
  readonly tariff: Tariff
  readonly balance: OrganizationBalance
  readonly counters: Counters
  /** What is left of the limit of the user that is named; null: nothing limits it. */
  readonly limitLeft: Nano | null
}

/** Says what jobs would cost at least and at most, as things stand now. Holds nothing, promises nothing. */
export class QuoteManager {
  readonly #tariffs: TariffCache
  readonly #clock: Clock
  readonly #loadFrom: Parameters<TariffCache['load']>[0]

  constructor(tariffs: TariffCache, loadFrom: Parameters<TariffCache['load']>[0], clock: Clock) {
    this.#clock = clock
    this.#tariffs = tariffs
    this.#loadFrom = loadFrom
  }

  /**
   * @throws NotFoundError; ConflictError `no-tariff`; ForbiddenError `not-a-member`; ValidationError at `/max_cost` where
   *         the smallest run costs more
   */
  async quote(em: EntityManager, terms: QuoteTerms, { inputTokens, bounds }: BoundedText): Promise<QuoteView> {
    const standing = await this.#standing(em, terms)
    const { tariff, balance, counters } = standing
    const { maxCost, outputLimit } = terms
    const limit = { maxCost: maxCost ?? 0n, charged: 0n, outputLimit }
    const fitting = maxCost === null ? bounds : fitToCost(tariff, bounds, counters, limit)
    if (!fitting) throw ValidationError.of('/max_cost', 'out-of-range', limitTooLow(tariff, limit.maxCost))
    const quote = quoteStages(tariff, fitting, counters, 0n)
    const obstacles = [
      ...blockWarnings(standing),
      ...limitWarnings(standing, quote.upper),
      ...modelWarnings(tariff, unpricedModels(tariff, bounds)),
    ]
    return {
      ...payerOf(standing),
      ...boundsOf(inputTokens, quote),
      affordable: obstacles.length === 0 && quote.upper <= balance.available + balance.overdraftLimit,
      warnings: [...tariffWarnings(tariff), ...obstacles],
    }
  }

  /**
   * Quotes a list, in its order; the rows are read once, before the first text is asked for.
   * @throws NotFoundError; ConflictError `no-tariff`; ForbiddenError `not-a-member`; or what measuring throws
   */
  async quoteAll(em: EntityManager, terms: QuoteTerms, texts: AsyncIterable<BoundedText>): Promise<BatchQuoteView> {
    const standing = await this.#standing(em, terms)
    const { tariff, balance, counters, organization, limitLeft } = standing
    const { maxCost, outputLimit } = terms
    const { available, overdraftLimit, held } = balance
    const spendable = available + overdraftLimit
    const batch = new BatchQuote({
      ...{ tariff, counters, spendable, held, limitLeft, maxCost, outputLimit },
      blocked: blockedBy(organization),
    })
    const quotes: BatchQuoteView['quotes'][number][] = []
    const models = new Set<string>()
    for await (const { inputTokens, bounds } of texts) {
      quotes.push(listed(quotes.length, inputTokens, batch.add(bounds)))
      for (const model of unpricedModels(tariff, bounds)) models.add(model)
    }
    const sum = batch.sum()
    const waiting = sum.missing > 0n ? await waitingWarnings(em, organization) : []
    return {
      ...payerOf(standing),
      texts: quotes.length,
      inputTokens: quotes.reduce((tokens, quote) => tokens + quote.inputTokens, 0),
      ...sum,
      affordable: sum.fitting === quotes.length,
      quotes,
      warnings: [
        ...tariffWarnings(tariff),
        ...blockWarnings(standing),
        ...limitWarnings(standing, sum.upper),
        ...modelWarnings(tariff, [...models]),
        ...waiting,
      ],
    }
  }

  /**
   * What jobs would hold together if each was admitted now, in this order, with money enough. Jobs that would fail whatever
   * the balance hold nothing.
   * @param outputLimit the output limit per agent that the bounds were made with, in tokens
   * @returns nano-units; 0 for whoever has no tariff, since nothing can be admitted then
   */
  async heldByAll(
    em: EntityManager,
    organizationId: string,
    jobs: readonly { readonly bounds: readonly BoundedStage[]; readonly maxCost: Nano | null }[],
    outputLimit: number,
  ): Promise<Nano> {
    const organization = await em.findOne(Organization, { id: organizationId })
    if (!organization || organization.tariffVersionId === null) return 0n
    const terms = { maxCost: null, outputLimit }
    const { tariff, counters } = await this.#standing(em, { organizationId, userId: null, ...terms })
    const batch = new BatchQuote({
      tariff,
      counters,
      spendable: NANO_MAX,
      held: 0n,
      blocked: null,
      limitLeft: null,
      ...terms,
    })
    for (const { bounds, maxCost } of jobs) batch.add(bounds, maxCost)
    return batch.sum().upper
  }

  async #standing(em: EntityManager, { organizationId, userId }: QuoteTerms): Promise<Standing> {
    if (!ACCOUNT_ID.test(organizationId)) throw new NotFoundError()
    const organization = await em.findOne(Organization, { id: organizationId })
    if (!organization) throw unknownOrganization(organizationId)
    const { tariffVersionId: versionId } = organization
    if (versionId === null) {
      throw new ConflictError('no-tariff', `${organizationId} has no tariff; assign a published one first`)
    }
    const member = await requireMember(em, { organizationId, userId })
    const tariff = (await this.#tariffs.load(this.#loadFrom, [versionId])).get(versionId)
    const balance = await em.findOneOrFail(OrganizationBalance, { organizationId })
    if (!tariff) throw new ConflictError('no-tariff', `The tariff of ${organizationId} is gone; assign a published one`)
    const periodStart = new Date(periodAt(organization.periodAnchor.getTime(), this.#clock.now().getTime()).start)
    const rows = await em.find(UsageCounter, { organizationId, planId: tariff.planId, periodStart })
    const counters = new Map(rows.map((row) => [row.component, row] as const))
    return { organization, tariff, balance, counters, limitLeft: limitLeft(member, periodStart) }
  }
}

function payerOf({ organization, tariff, balance }: Standing) {
  return {
    organizationId: organization.id,
    tariffId: tariff.planId,
    tariffVersion: tariff.version,
    currency: organization.currency,
    available: balance.available,
  }
}

/** Without the promises of free units: they are made anew at the admission. */
function boundsOf(inputTokens: number, { lower, upper, stages }: JobQuote) {
  return { inputTokens, lower, upper, stages: stages.map(({ stage, lower, upper }) => ({ stage, lower, upper })) }
}

function listed(index: number, inputTokens: number, { quote, notStarted }: ListedQuote) {
  return { index, ...boundsOf(inputTokens, quote), fits: notStarted === null, reason: notStarted }
}

/** Models that a job would call and the tariff has no price for: however much money is there, the job would fail. */
function modelWarnings(tariff: Tariff, models: readonly string[]): readonly QuoteWarning[] {
  return models.map((model) => {
    const classes = unpricedClasses(tariff, model).join(' and ')
    const detail = `${classes} tokens of model ${model} have no price: this job would fail before the call`
    return { code: 'unpriced-model', detail }
  })
}

function blockWarnings({ organization }: Standing): readonly QuoteWarning[] {
  const code = blockedBy(organization)
  if (code === null) return []
  const [why, end] =
    code === 'frozen' ? ['spending is frozen', 'it is unfrozen'] : ['fees are past due', 'they are paid']
  return [{ code, detail: `The organisation's ${why}: jobs are parked until ${end}` }]
}

/** @param needed what would be held, in nano-units */
function limitWarnings({ limitLeft: left, organization }: Standing, needed: Nano): readonly QuoteWarning[] {
  if (left === null || needed <= left) return []
  const figures = `The member's spending limit leaves ${formatAmount(left)} ${organization.currency} of this period`
  return [{ code: 'member_limit', detail: `${figures}: what needs more is parked until it leaves enough` }]
}

/** A top-up goes to whoever waits already: of what it leaves, a quote cannot know. */
async function waitingWarnings(em: EntityManager, { id }: Organization): Promise<readonly QuoteWarning[]> {
  const jobs = await em.count(Job, { organizationId: id, state: 'rejected_for_balance' })
  const seats = await em.count(TeamMember, { organizationId: id, state: 'pending_payment' })
  if (jobs + seats === 0) return []
  const waiting = `Parked jobs (${jobs}) and seats that are not paid (${seats}) get a top-up first`
  return [{ code: 'waiting-first', detail: `${waiting}; pay in what they need, too` }]
}
