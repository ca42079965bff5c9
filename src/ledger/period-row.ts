import type { Nano } from '../pricing/money.ts'

/**
 * One period of a subscription: what it costs, and the balance at both its ends. Ledger entries belong to it by their
 * number: `opening.seq < seq ≤ closing.seq`. It closes when the next one opens, however late somebody looks.
 */
export interface PeriodRow {
  readonly organizationId: string
  readonly number: number
  readonly start: number
  end: number
  tariffVersionId: string | null
  /** For the plan; 0 where nothing is owed. */
  planFee: Nano
  /** Occupied seats as it opened, and what they cost together. */
  seats: number
  seatFee: Nano
  /** What was paid for the unused rest of the period before, given back with this one's fees. */
  credit: Nano
  readonly dueAt: number
  /** null: its fees are owed. */
  paidAt: number | null
  readonly opening: PeriodEdge
  closing: PeriodEdge | null
  closedAt: number | null
}

/** A balance between two entries of the ledger; `seq` is the last one before it. */
export interface PeriodEdge {
  readonly seq: number
  readonly available: Nano
  readonly held: Nano
}
