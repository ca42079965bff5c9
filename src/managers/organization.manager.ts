import { type EntityManager, LockMode } from '@mikro-orm/postgresql'
import type { MoneyPath } from '../database/money/batcher.ts'
import { ConflictError, NotFoundError, ValidationError } from '../foundation/errors.ts'
import type { Verdicts } from '../ledger/calls.ts'
import { unknownOrganization } from '../ledger/fold.ts'
import { periodAt, startOfDay } from '../ledger/period.ts'
import { BillingPeriod } from '../models/billing-period.model.ts'
import { Organization, type OrganizationStatus } from '../models/organization.model.ts'
import { OrganizationBalance } from '../models/organization-balance.model.ts'
import { TariffPlan } from '../models/tariff-plan.model.ts'
import { TariffVersion } from '../models/tariff-version.model.ts'
import { formatAmount, type Nano } from '../pricing/money.ts'
import type { DatabaseTime } from './database-time.ts'
import { seatLimitError } from './seat-limit.ts'
import { unknownTariff } from './tariff-draft.ts'

const DAY_MS = 86_400_000

export interface NewOrganization {
  readonly id: string
  readonly name: string
  readonly currency: string
  readonly tariffId: string | null
  /** null: the newest published one. */
  readonly tariffVersion: number | null
  /** Nano-units that `available` may go below zero. */
  readonly overdraftLimit: Nano
}

/** What is left out stays; `tariffVersion` alone moves within the plan, `tariffId` alone takes its newest published version. */
export type OrganizationPatch = Partial<Omit<NewOrganization, 'id' | 'currency'>>

export interface OrganizationView {
  readonly id: string
  readonly name: string
  readonly currency: string
  readonly tariffId: string | null
  readonly tariffVersion: number | null
  readonly status: OrganizationStatus
  readonly periodStart: Date
  readonly periodEnd: Date
  /** The version of its plan that the next renewal goes over to; null: none other. */
  readonly nextTariffVersion: number | null
  /** Since when fees are owed; null: none are. */
  readonly dueSince: Date | null
  readonly createdAt: Date
}

/** Where the next page of organisations begins: behind this one. */
export interface OrganizationCursor {
  readonly createdAt: Date
  readonly id: string
}

/** Who the customers are and what they pay by. Their money moves elsewhere; both lock the balance row first. */
export class OrganizationManager {
  readonly #time: DatabaseTime
  readonly #money: MoneyPath

  constructor(time: DatabaseTime, money: MoneyPath) {
    this.#time = time
    this.#money = money
  }

  /**
   * Makes an organisation with an empty balance. Its plan's first fee is owed from now on, and paid by the first money.
   * @throws ConflictError `already-exists`, `tariff-not-published`, `currency-mismatch`; NotFoundError (the tariff);
   *         ValidationError (a version without a tariff)
   */
  async create(em: EntityManager, input: NewOrganization): Promise<OrganizationView> {
    const { id, name, currency, overdraftLimit } = input
    if (await em.count(Organization, { id })) {
      throw new ConflictError(
        'already-exists',
        `There is an organisation "${id}" already; choose another id, or PATCH it`,
      )
    }
    const version = await chosenVersion(em, input, currency)
    const now = await this.#time.now(em)
    const period = periodFrom(now)
    const planFee = version?.pricePerMonth ?? 0n
    const graceEnd = new Date(now.getTime() + (version?.graceDays ?? 0) * DAY_MS)
    const due = planFee === 0n ? { dueSince: null, statusUntil: null } : { dueSince: now, statusUntil: graceEnd }
    const none = { nextTariffVersionId: null, nextTariffAt: null }
    em.create(Organization, { id, name, currency, tariffVersionId: version?.id ?? null, ...none, ...due, ...period })
    em.create(OrganizationBalance, { organizationId: id, overdraftLimit })
    em.create(BillingPeriod, {
      organizationId: id,
      number: 1,
      periodStart: period.periodStart,
      periodEnd: period.periodEnd,
      tariffVersionId: version?.id ?? null,
      planFee,
      dueAt: now,
      paidAt: planFee === 0n ? now : null,
      closingSeq: null,
      closingAvailable: null,
      closingHeld: null,
      closedAt: null,
    })
    await em.flush()
    return this.find(em, id)
  }

  /**
   * Does what is due by time or by a change of the tariff: turns the page of a period, pays what is owed and there.
   * @throws NotFoundError
   */
  renew(id: string): Promise<Verdicts['renew']> {
    return this.#money.decide('renew', { organizationId: id })
  }

  /** Keeps everybody else from its money and its terms until the transaction ends. @throws NotFoundError */
  async lock(em: EntityManager, id: string): Promise<OrganizationBalance> {
    const where = { organizationId: id }
    const balance = await em.findOne(OrganizationBalance, where, { lockMode: LockMode.PESSIMISTIC_WRITE })
    if (!balance) throw unknownOrganization(id)
    return balance
  }

  /** @throws NotFoundError */
  async find(em: EntityManager, id: string): Promise<OrganizationView> {
    const organization = await em.findOne(Organization, { id })
    if (!organization) throw unknownOrganization(id)
    return (await views(em, [organization]))[0] as OrganizationView
  }

  /** Organisations, newest first. */
  async list(
    em: EntityManager,
    { limit, before }: { readonly limit: number; readonly before: OrganizationCursor | null },
  ): Promise<{ readonly organizations: readonly OrganizationView[]; readonly next: OrganizationCursor | null }> {
    const where =
      before === null
        ? {}
        : { $or: [{ createdAt: { $lt: before.createdAt } }, { createdAt: before.createdAt, id: { $lt: before.id } }] }
    const orderBy = [{ createdAt: 'desc' }, { id: 'desc' }] as const
    const found = await em.find(Organization, where, { orderBy: [...orderBy], limit: limit + 1 })
    const page = found.slice(0, limit)
    const last = page.at(-1)
    return { organizations: await views(em, page), next: found.length > limit && last ? last : null }
  }

  /**
   * Changes an organisation. Another version of the same plan goes on in the running period, and so do the paid seats.
   * Another plan is noted, and a new period of it starts with the next call on the organisation's money, such as
   * {@link renew}: what was paid for the rest of the former one comes back with its fees.
   * @throws NotFoundError, ConflictError `tariff-not-published`, `currency-mismatch`, `seat-limit` (more members than the
   *         tariff allows), ValidationError (a limit above what is overdrawn, a version without a tariff)
   */
  async update(em: EntityManager, id: string, patch: OrganizationPatch): Promise<OrganizationView> {
    const balance = await this.lock(em, id)
    const organization = await em.findOneOrFail(Organization, { id }, { refresh: true })
    if (patch.name !== undefined) organization.name = patch.name
    if (patch.overdraftLimit !== undefined) {
      refuseTooLow(balance, patch.overdraftLimit)
      balance.overdraftLimit = patch.overdraftLimit
    }
    if (patch.tariffId !== undefined || patch.tariffVersion !== undefined) {
      await assignTariff(em, organization, balance, patch, await this.#time.now(em))
    }
    await em.flush()
    return this.find(em, id)
  }
}

async function assignTariff(
  em: EntityManager,
  organization: Organization,
  balance: OrganizationBalance,
  patch: OrganizationPatch,
  now: Date,
): Promise<void> {
  const current = await em.findOne(TariffVersion, { id: organization.tariffVersionId })
  const choice = { tariffId: patch.tariffId ?? null, tariffVersion: patch.tariffVersion ?? null }
  if (patch.tariffId === undefined && current) choice.tariffId = current.planId
  const isCurrent = current?.planId === choice.tariffId && current?.version === choice.tariffVersion
  const version = isCurrent ? current : await chosenVersion(em, choice, organization.currency)
  const tooMany = seatLimitError(version?.maxTeamMembers ?? null, balance.seatsUsed)
  if (tooMany) throw tooMany
  const isOtherPlan = version && version.planId !== current?.planId
  organization.nextTariffVersionId = isOtherPlan ? version.id : null
  organization.nextTariffAt = isOtherPlan ? now : null
  if (!isOtherPlan) organization.tariffVersionId = version?.id ?? null
}

/** The version to pin, or null for none. @throws as the callers say */
async function chosenVersion(
  em: EntityManager,
  { tariffId, tariffVersion }: Pick<NewOrganization, 'tariffId' | 'tariffVersion'>,
  currency: string,
): Promise<TariffVersion | null> {
  if (tariffId === null) {
    if (tariffVersion === null) return null
    throw ValidationError.of('/tariff_id', 'required', 'Give tariff_id: a version alone names no tariff')
  }
  // Shared with readers, against an archiving that would otherwise slip in between the look and the commit.
  const plan = await em.findOne(TariffPlan, { id: tariffId }, { lockMode: LockMode.PESSIMISTIC_READ })
  if (!plan) throw unknownTariff()
  const number = tariffVersion === null ? { state: 'published' as const } : { version: tariffVersion }
  const [version] = await em.find(
    TariffVersion,
    { planId: plan.id, ...number },
    { orderBy: { version: 'desc' }, limit: 1 },
  )
  if (!version && tariffVersion !== null) throw new NotFoundError(`This tariff has no version ${tariffVersion}`)
  if (version?.state !== 'published') {
    const todo = plan.archivedAt === null ? `POST /api/v1/admin/tariffs/${plan.id}/publish first` : 'choose another one'
    throw new ConflictError('tariff-not-published', `This tariff is not published; ${todo}`)
  }
  if (plan.currency !== currency) {
    throw new ConflictError(
      'currency-mismatch',
      `This tariff is in ${plan.currency}, the organisation pays in ${currency}`,
    )
  }
  return version
}

/** The money path guards this by a constraint, too; here the answer can name the figure. */
function refuseTooLow(balance: OrganizationBalance, limit: Nano): void {
  if (balance.available >= -limit) return
  const detail = `${formatAmount(-balance.available)} are overdrawn; give at least that, or top up first`
  throw ValidationError.of('/overdraft_limit', 'invalid-value', detail)
}

/** A subscription is anchored to 00:00Z of its first day, and ends at that day of the next month. */
function periodFrom(now: Date): Pick<Organization, 'periodAnchor' | 'periodStart' | 'periodEnd'> {
  const anchor = startOfDay(now.getTime())
  const { start, end } = periodAt(anchor, now.getTime())
  return { periodAnchor: new Date(anchor), periodStart: new Date(start), periodEnd: new Date(end) }
}

async function views(em: EntityManager, organizations: readonly Organization[]): Promise<readonly OrganizationView[]> {
  const pinned = organizations.flatMap(({ tariffVersionId, nextTariffVersionId }) => [
    tariffVersionId,
    nextTariffVersionId,
  ])
  const ids = pinned.filter((id) => id !== null)
  const versions = new Map((await em.find(TariffVersion, { id: { $in: ids } })).map((version) => [version.id, version]))
  return organizations.map((organization) => {
    const version = versions.get(organization.tariffVersionId ?? '')
    const { id, name, currency, status, periodStart, periodEnd, dueSince, createdAt } = organization
    return {
      id,
      name,
      currency,
      tariffId: version?.planId ?? null,
      tariffVersion: version?.version ?? null,
      status,
      periodStart,
      periodEnd,
      nextTariffVersion: versions.get(organization.nextTariffVersionId ?? '')?.version ?? null,
      dueSince,
      createdAt,
    }
  })
}
