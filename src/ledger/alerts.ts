import { newId } from '../foundation/ids.ts'
import { NANO_MAX, type Nano } from '../pricing/money.ts'
import type { AlertMetric, AlertRow, AlertWrites, ThresholdRow } from './alert-facts.ts'
import type { Book } from './book.ts'
import type { Asked, Calls, Verdicts } from './calls.ts'
import type { OrganizationRow } from './facts.ts'

/** Thresholds of one organisation: each travels with its row, and people who want more want a chart. */
const THRESHOLDS_MAX = 10

/** What a metric is judged by, as of one ledger entry. */
interface Figures {
  readonly available: Nano
  readonly demanded: Nano | null
  readonly estimated: boolean
  readonly seq: number
}

/**
 * The thresholds and alerts of one batch. Thresholds stand with their organisations, whose rows are remembered; what
 * became of them is kept here until it is written, with the balances that they were judged by.
 */
export class AlertBook {
  readonly #now: number
  readonly #added = new Map<string, AlertWrites['added'][number]>()
  readonly #removed: string[] = []
  readonly #raised = new Map<string, AlertRow>()
  readonly #cleared: string[] = []

  constructor(now: number) {
    this.#now = now
  }

  add(organization: OrganizationRow, terms: Pick<ThresholdRow, 'id' | 'metric' | 'below' | 'clearAt'>): void {
    const { id, metric, below, clearAt } = terms
    const threshold: ThresholdRow = { id, metric, below, clearAt, createdAt: this.#now, alertId: null }
    organization.thresholds = [...organization.thresholds, threshold]
    this.#added.set(id, { ...threshold, organizationId: organization.id })
  }

  /** Nobody waits for what a threshold would say that is gone: its alert is cleared with it. */
  remove(organization: OrganizationRow, threshold: ThresholdRow): void {
    if (threshold.alertId !== null) this.#clear(threshold, threshold.alertId)
    organization.thresholds = organization.thresholds.filter((other) => other !== threshold)
    if (!this.#added.delete(threshold.id)) this.#removed.push(threshold.id)
  }

  /** Judges what a batch left of a balance. Where nothing has changed since the last look, nothing is crossed either. */
  judgeAvailable(organization: OrganizationRow): void {
    if (organization.thresholds.length === 0) return
    const { available, seq } = organization
    this.judge(organization, 'available', { available, demanded: null, estimated: false, seq })
  }

  /** Raises where an armed line is crossed, and clears where the value has come back far enough. */
  judge(organization: OrganizationRow, metric: AlertMetric, figures: Figures): { raised: number; cleared: number } {
    const value = atLeastStorable(figures.available - (figures.demanded ?? 0n))
    let [raised, cleared] = [0, 0]
    for (const threshold of organization.thresholds) {
      if (threshold.metric !== metric) continue
      if (threshold.alertId === null) {
        if (value >= threshold.below) continue
        this.#raise(organization, threshold, value, figures)
        raised += 1
      } else if (value >= threshold.clearAt) {
        this.#clear(threshold, threshold.alertId)
        cleared += 1
      }
    }
    return { raised, cleared }
  }

  writes(): AlertWrites {
    return {
      added: [...this.#added.values()],
      removed: this.#removed,
      raised: [...this.#raised.values()],
      cleared: this.#cleared,
      clearedAt: this.#now,
    }
  }

  #raise(organization: OrganizationRow, threshold: ThresholdRow, value: Nano, figures: Figures): void {
    const { id: thresholdId, metric, below, clearAt } = threshold
    const id = newId()
    const times = { raisedAt: this.#now, clearedAt: null }
    this.#raised.set(id, {
      ...{ id, organizationId: organization.id, thresholdId, metric, below, clearAt, value },
      ...figures,
      ...times,
    })
    threshold.alertId = id
  }

  #clear(threshold: ThresholdRow, alertId: string): void {
    const ofThisBatch = this.#raised.get(alertId)
    if (ofThisBatch) ofThisBatch.clearedAt = this.#now
    else this.#cleared.push(alertId)
    threshold.alertId = null
  }
}

/** Adds a line to be told about; one of each metric and height. */
export function addThreshold(book: Book, call: Asked<'add_threshold'>, alerts: AlertBook): Verdicts['add_threshold'] {
  const organization = book.organization(call.organizationId)
  const { thresholds } = organization
  // Its own from a try whose answer was lost.
  if (thresholds.some(({ id }) => id === call.id)) return { kind: 'added' }
  if (thresholds.some(({ metric, below }) => metric === call.metric && below === call.below)) return { kind: 'known' }
  if (thresholds.length >= THRESHOLDS_MAX) return { kind: 'limit', limit: THRESHOLDS_MAX }
  alerts.add(organization, call)
  return { kind: 'added' }
}

/** Removes a threshold, and clears its alert. */
export function removeThreshold(
  book: Book,
  call: Asked<'remove_threshold'>,
  alerts: AlertBook,
): Verdicts['remove_threshold'] {
  const organization = book.organization(call.organizationId)
  const threshold = organization.thresholds.find(({ id }) => id === call.thresholdId)
  // What a repeated call does not find, it has removed itself: of a removed threshold no row tells.
  if (!threshold) return { kind: call.repeated ? 'removed' : 'unknown' }
  alerts.remove(organization, threshold)
  return { kind: 'removed' }
}

/**
 * Judges what an organisation has beyond what its waiting jobs need. Both figures are of one snapshot: with the balance of
 * this moment a job that was admitted meanwhile would be subtracted twice, as what is held and as what is demanded.
 */
export function judgeHeadroom(
  book: Book,
  { organizationId, available, demanded, estimated, seq }: Calls['judge_headroom'],
  alerts: AlertBook,
): Verdicts['judge_headroom'] {
  const figures = { available, demanded, estimated, seq }
  return alerts.judge(book.organization(organizationId), 'headroom', figures)
}

/** However much is demanded, an alert must not fail the batch that raises it. */
function atLeastStorable(value: Nano): Nano {
  return value < -NANO_MAX ? -NANO_MAX : value
}
