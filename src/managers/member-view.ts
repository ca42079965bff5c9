import type { MemberRow } from '../ledger/facts.ts'
import type { Nano } from '../pricing/money.ts'

/** A member as the doors show it; amounts in nano-units, `needed` and `missing` only while the seat waits for money. */
export interface MemberView {
  readonly organizationId: string
  readonly userId: string
  readonly role: MemberRow['role']
  readonly state: MemberRow['state']
  readonly charged: Nano
  readonly needed: Nano | null
  readonly missing: Nano | null
  readonly currency: string
  readonly addedAt: Date
  /** For the jobs of each period; null: none of the member's own. */
  readonly spendingLimit: Nano | null
  /** What the member's jobs of the running period hold and were charged, less what was reversed. */
  readonly committed: Nano
}
