import type { EntityManager, FilterQuery } from '@mikro-orm/postgresql'
import type { MoneyPath } from '../database/money/batcher.ts'
import { ConflictError, NotFoundError, ValidationError } from '../foundation/errors.ts'
import { newId } from '../foundation/ids.ts'
import type { Calls, Verdicts } from '../ledger/calls.ts'
import { unknownOrganization } from '../ledger/fold.ts'
import { BalanceAlert } from '../models/balance-alert.model.ts'
import { type AlertMetric, BalanceThreshold } from '../models/balance-threshold.model.ts'
import { Organization } from '../models/organization.model.ts'
import { divideCeil, formatAmount, NANO_MAX, type Nano } from '../pricing/money.ts'
import type { DatabaseTime } from './database-time.ts'

/** A line to be told about, in nano-units. */
export interface NewThreshold {
  readonly metric: AlertMetric
  readonly below: Nano
  /** null: a tenth above `below`, rounded up to the nano-unit. */
  readonly clearAt: Nano | null
}

export interface ThresholdView {
  readonly id: string
  readonly organizationId: string
  readonly metric: AlertMetric
  readonly below: Nano
  readonly clearAt: Nano
  readonly currency: string
  /** The alert that is raised; null while the threshold is armed. */
  readonly alertId: string | null
  readonly createdAt: Date
}

/** One crossing of a threshold; raised while `clearedAt` is null. Amounts in nano-units. */
export interface AlertView {
  readonly id: string
  readonly organizationId: string
  readonly thresholdId: string
  readonly metric: AlertMetric
  readonly below: Nano
  readonly clearAt: Nano
  /** What was below: `available`, or that without `demanded`. */
  readonly value: Nano
  readonly available: Nano
  /** What waiting jobs were quoted at; null where only `available` was judged. */
  readonly demanded: Nano | null
  /** Whether `demanded` is in part a mean of some quotes. */
  readonly estimated: boolean
  readonly currency: string
  readonly raisedAt: Date
  readonly clearedAt: Date | null
  /** The ledger entry after which the balance was so. */
  readonly seq: number
}

/** A page of a list, newest first, from behind the row with the id `before`. */
interface Page {
  readonly limit: number
  readonly before: string | null
}

const MARK_TOLD = 'update tollkeeper.balance_alerts set told_at = coalesce(?::timestamptz, now()) where id in (?)'

const WATCHED = `
select distinct organization_id as id from tollkeeper.balance_thresholds where metric = 'headroom' order by 1`

/** Who wants to be told that money runs low, and where it did. What is crossed is decided by the money path. */
export class AlertManager {
  readonly #money: MoneyPath
  readonly #time: DatabaseTime

  constructor(money: MoneyPath, time: DatabaseTime) {
    this.#money = money
    this.#time = time
  }

  /**
   * Draws a line; below it already, `available` is judged in the same transaction.
   * @throws NotFoundError; ConflictError `already-exists` for the same metric and height, `threshold-limit` above ten;
   *         ValidationError where `clearAt` is not above `below`
   */
  async addThreshold(
    organizationId: string,
    { metric, below, clearAt = null }: NewThreshold,
  ): Promise<{ readonly id: string }> {
    const id = newId()
    const line = { id, metric, below, clearAt: clearingOf(below, clearAt) }
    const verdict = await this.#money.decide('add_threshold', { organizationId, ...line })
    if (verdict.kind === 'known') {
      const what = `a threshold on ${metric} below ${formatAmount(below)}`
      throw new ConflictError('already-exists', `${organizationId} has ${what} already; delete it to draw it anew`)
    }
    if (verdict.kind === 'limit') {
      throw new ConflictError('threshold-limit', `${organizationId} has ${verdict.limit} thresholds; delete one first`)
    }
    return { id }
  }

  /** Takes a threshold away, and clears its alert. @throws NotFoundError */
  async removeThreshold(organizationId: string, thresholdId: string): Promise<void> {
    const verdict = await this.#money.decide('remove_threshold', { organizationId, thresholdId })
    if (verdict.kind === 'unknown') throw new NotFoundError(`${organizationId} has no such threshold`)
  }

  /** Judges what one snapshot said of an organisation with thresholds on its headroom. @throws NotFoundError */
  judgeHeadroom(standing: Calls['judge_headroom']): Promise<Verdicts['judge_headroom']> {
    return this.#money.decide('judge_headroom', standing)
  }

  /** @throws NotFoundError */
  async threshold(em: EntityManager, organizationId: string, id: string): Promise<ThresholdView> {
    const [view] = await thresholdViews(em, organizationId, { id }, 1)
    if (!view) throw new NotFoundError()
    return view
  }

  /** The thresholds of an organisation, newest first. @throws NotFoundError */
  async thresholds(
    em: EntityManager,
    organizationId: string,
    { limit, before }: Page,
  ): Promise<{ readonly thresholds: readonly ThresholdView[]; readonly more: boolean }> {
    const older = before === null ? {} : { id: { $lt: before } }
    const found = await thresholdViews(em, organizationId, older, limit + 1)
    return { thresholds: found.slice(0, limit), more: found.length > limit }
  }

  /** The alerts of an organisation, newest first. @param state null for all @throws NotFoundError */
  async alerts(
    em: EntityManager,
    organizationId: string,
    { limit, before, state }: Page & { readonly state: 'raised' | 'cleared' | null },
  ): Promise<{ readonly alerts: readonly AlertView[]; readonly more: boolean }> {
    const { currency } = await organizationOf(em, organizationId)
    const where: FilterQuery<BalanceAlert> = {
      organizationId,
      ...(before === null ? {} : { id: { $lt: before } }),
      ...(state === null ? {} : { clearedAt: state === 'raised' ? null : { $ne: null } }),
    }
    const found = await em.find(BalanceAlert, where, { orderBy: { id: 'desc' }, limit: limit + 1 })
    const alerts = found.slice(0, limit).map((alert) => viewOf(alert, currency))
    return { alerts, more: found.length > limit }
  }

  /** Organisations with a threshold on their headroom. */
  async watched(em: EntityManager): Promise<readonly string[]> {
    const rows = await em.execute<{ id: string }[]>(WATCHED)
    return rows.map(({ id }) => id)
  }

  /** Alerts that nobody was told of yet, oldest first. */
  async untold(em: EntityManager, limit: number): Promise<readonly AlertView[]> {
    const found = await em.find(BalanceAlert, { toldAt: null }, { orderBy: { id: 'asc' }, limit })
    const ids = found.map(({ organizationId }) => organizationId)
    const organizations = await em.find(Organization, { id: { $in: ids } })
    const currencies = new Map(organizations.map(({ id, currency }) => [id, currency]))
    return found.map((alert) => viewOf(alert, currencies.get(alert.organizationId) ?? ''))
  }

  async markTold(em: EntityManager, ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await em.execute(MARK_TOLD, [this.#time.given(), [...ids]])
  }
}

/** Where a line is armed again. @throws ValidationError at `/clear_at` */
function clearingOf(below: Nano, given: Nano | null): Nano {
  const clearAt = given ?? divideCeil(below * 11n, 10n)
  if (clearAt <= below) {
    const detail = `Give clear_at above ${formatAmount(below)}: at the same height every little movement would be an alert`
    throw ValidationError.of('/clear_at', given === null ? 'required' : 'invalid-value', detail)
  }
  if (clearAt > NANO_MAX) {
    throw ValidationError.of('/clear_at', 'out-of-range', `Give clear_at as at most ${formatAmount(NANO_MAX)}`)
  }
  return clearAt
}

async function organizationOf(em: EntityManager, id: string): Promise<Organization> {
  const organization = await em.findOne(Organization, { id })
  if (!organization) throw unknownOrganization(id)
  return organization
}

async function thresholdViews(
  em: EntityManager,
  organizationId: string,
  where: FilterQuery<BalanceThreshold>,
  limit: number,
): Promise<readonly ThresholdView[]> {
  const { currency } = await organizationOf(em, organizationId)
  const found = await em.find(
    BalanceThreshold,
    { $and: [{ organizationId }, where] },
    { orderBy: { id: 'desc' }, limit },
  )
  const raised = await em.find(BalanceAlert, { organizationId, clearedAt: null })
  const alerts = new Map(raised.map(({ id, thresholdId }) => [thresholdId, id]))
  return found.map(({ id, metric, below, clearAt, createdAt }) => {
    return { id, organizationId, metric, below, clearAt, currency, alertId: alerts.get(id) ?? null, createdAt }
  })
}

function viewOf(alert: BalanceAlert, currency: string): AlertView {
  const { id, organizationId, thresholdId, metric, below, clearAt, value, available, demanded, estimated } = alert
  const { seq, raisedAt, clearedAt } = alert
  const figures = { value, available, demanded, estimated, currency }
  return { id, organizationId, thresholdId, metric, below, clearAt, ...figures, raisedAt, clearedAt, seq }
}
