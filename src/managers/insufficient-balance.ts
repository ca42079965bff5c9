import { TollkeeperError } from '../foundation/errors.ts'
import type { Rejection } from '../ledger/facts.ts'
import { formatAmount, type Nano } from '../pricing/money.ts'

interface Refusal {
  readonly reason: Rejection['reason']
  readonly needed: Nano
  readonly available: Nano
  readonly missing: Nano
  readonly currency: string
}

/** 402: what was asked for cannot be paid now, and nothing was done. Amounts as in contract.md: strings in `currency`. */
export class InsufficientBalanceError extends TollkeeperError {
  readonly reason: Rejection['reason']
  readonly needed: string
  readonly available: string
  readonly missing: string
  readonly currency: string

  /** @param what is refused, to begin the sentence with */
  constructor(what: string, { reason, needed, available, missing, currency }: Refusal) {
    const figures = `${what} needs ${formatAmount(needed)} ${currency}, ${formatAmount(available)} available`
    super('insufficient-balance', 402, `${figures}, ${remedyOf(reason, formatAmount(missing))}`)
    this.reason = reason
    this.needed = formatAmount(needed)
    this.available = formatAmount(available)
    this.missing = formatAmount(missing)
    this.currency = currency
  }
}

function remedyOf(reason: Rejection['reason'], missing: string): string {
  switch (reason) {
    case 'insufficient':
      return `short by ${missing}; top up, then ask again under the same key`
    case 'held_by_others':
      return `short by ${missing}; running jobs hold the rest: ask again when they have ended, or top up`
    case 'past_due':
      return "but the organisation's fees are past due; pay them, then ask again under the same key"
    case 'frozen':
      return "but the organisation's spending is frozen; unfreeze it, then ask again under the same key"
    case 'member_limit':
      return "but the member's limit is reached; raise it, then ask again under the same key"
  }
}
