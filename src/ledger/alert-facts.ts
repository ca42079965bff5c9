import type { Nano } from '../pricing/money.ts'

/** What of an organisation a threshold is about: what it has, or what it has beyond what the waiting jobs need. */
export type AlertMetric = 'available' | 'headroom'

/** A line that a balance shall not sink below unnoticed. With hysteresis: crossed below `below`, armed again at `clearAt`. */
export interface ThresholdRow {
  readonly id: string
  readonly metric: AlertMetric
  readonly below: Nano
  /** Above `below`. */
  readonly clearAt: Nano
  readonly createdAt: number
  /** The alert that was raised and is not cleared yet; null while the threshold is armed. */
  alertId: string | null
}

/** One crossing of a threshold, with the figures that it was judged by. No money moves with it. */
export interface AlertRow {
  readonly id: string
  readonly organizationId: string
  readonly thresholdId: string
  readonly metric: AlertMetric
  readonly below: Nano
  readonly clearAt: Nano
  /** What was below: `available`, or that without `demanded`. */
  readonly value: Nano
  readonly available: Nano
  /** What waiting jobs were quoted at; null where nobody asked. */
  readonly demanded: Nano | null
  /** Whether `demanded` is in part a mean of some quotes. */
  readonly estimated: boolean
  /** The ledger entry after which the balance was so. */
  readonly seq: number
  readonly raisedAt: number
  clearedAt: number | null
}

/** What a batch did to thresholds and alerts. */
export interface AlertWrites {
  readonly added: readonly (ThresholdRow & { readonly organizationId: string })[]
  /** Ids of thresholds. */
  readonly removed: readonly string[]
  readonly raised: readonly AlertRow[]
  /** Ids of alerts that were raised before. */
  readonly cleared: readonly string[]
  readonly clearedAt: number
}
