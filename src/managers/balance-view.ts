import type { BalanceView } from '../ledger/facts.ts'
import type { Nano } from '../pricing/money.ts'

/** What an organisation has, in nano-units of its currency, as of ledger entry `asOfSeq`. */
export interface Balance extends BalanceView {
  readonly organizationId: string
}

/** What a top-up or an adjustment did; a replay of the same reference answers the same. */
export interface FundingResult {
  readonly replayed: boolean
  readonly organizationId: string
  readonly currency: string
  readonly entryId: string
  readonly seq: number
  readonly amount: Nano
  readonly reference: string
  readonly direction: 'credit' | 'debit' | null
  readonly note: string | null
  readonly resumedJobs: readonly string[]
  readonly activatedMembers: readonly string[]
  readonly balance: Balance
  readonly createdAt: Date
}
