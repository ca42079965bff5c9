import type { Grants } from '../pricing/counters.ts'
import type { Nano } from '../pricing/money.ts'
import type { Line } from '../pricing/price.ts'
import type { StageBound, StageUsage } from '../pricing/usage.ts'
import type { AbsorbedRow } from './absorbed-row.ts'
import type { AlertWrites, ThresholdRow } from './alert-facts.ts'
import type { AnswerRow, SlipWrites } from './answer-row.ts'
import type { PeriodRow } from './period-row.ts'
import type { JobState, StageState } from './states.ts'

/**
 * The rows that one batch locked, as the fold sees and changes them. Amounts are nano-units, times epoch milliseconds of
 * the database's clock. Rows are mutable on purpose: the fold works on them in place, the book knows which were touched.
 */
export interface OrganizationRow {
  readonly id: string
  readonly currency: string
  status: 'active' | 'past_due' | 'suspended' | 'frozen'
  tariffVersionId: string | null
  periodAnchor: number
  /** The running period's, from 1 on; what the organisation had before is numbered below. */
  periodNumber: number
  periodStart: number
  periodEnd: number
  /** The version that the next renewal goes over to; null: it stays on its own. */
  nextTariffVersionId: string | null
  /** When it goes over to it instead; null: with the renewal. */
  nextTariffAt: number | null
  /** Since when a fee waits to be paid; null: none does. */
  dueSince: number | null
  /** When the status changes for want of payment, if nothing is paid until then. */
  statusUntil: number | null
  /** The running period and those whose fees are not paid, oldest first. */
  periods: readonly PeriodRow[]
  available: Nano
  held: Nano
  overdraftLimit: Nano
  seq: number
  seatsUsed: number
  seatsPaid: number
  /** Whether somebody waits for money: then a closed hold or a top-up must wake. */
  waiting: boolean
  /** How many jobs are parked; counted only where a call of the batch may say so, else null. */
  parked: number | null
  /** Where somebody wants to be told that money runs low; most have none. */
  thresholds: readonly ThresholdRow[]
}

export interface JobRow {
  readonly id: string
  readonly organizationId: string
  readonly userId: string | null
  readonly runner: 'pipeline' | 'own'
  /** Empty where no call of the batch may admit the job. */
  readonly steps: readonly (readonly string[])[]
  readonly maxCost: Nano | null
  state: JobState
  stage: string | null
  tariffVersionId: string | null
  periodStart: number | null
  generation: number
  /** What its stages say; the row repeats it when the job comes to rest. */
  charged: Nano
  reversed: Nano
  released: Nano
  writtenOff: Nano
  /** Of a parked job; or of one that is refused at a stage and stops, as soon as none of its stages works any more. */
  rejection: Rejection | null
  failure: Failure | null
  parkedAt: number | null
  expiresAt: number | null
  admittedAt: number | null
  finishedAt: number | null
}

export interface StageRow {
  readonly jobId: string
  readonly stage: string
  readonly position: number
  state: StageState
  /** null where it has none yet, or where no call of the batch needs it. */
  bound: StageBound | null
  /** Whether the bound is to be written. */
  boundIsNew: boolean
  grants: Grants
  /** Written once, with the charge; undefined = not to be written. */
  usage: StageUsage | undefined
  /** undefined = not read, since no call of the batch may need it, and not to be written. */
  lines: readonly SettledLine[] | undefined
  /** undefined = not to be written; the text of a result never travels through a lock. */
  result: string | undefined
  tokens: number
  charged: Nano
  /** How often work on this stage was done and is not charged, as far as somebody could tell: the platform's cost. */
  absorbed: number
  starts: number
  claimId: string | null
  claimedUntil: number | null
  delivery: number
  checkAt: number | null
  finishedAt: number | null
}

export interface HoldRow {
  readonly jobId: string
  readonly organizationId: string
  readonly generation: number
  /** What was held at its opening and by extensions since. */
  amount: Nano
  remaining: Nano
  state: 'open' | 'closed'
  readonly openedAt: number
  closedAt: number | null
  /** Whether this batch opened it. */
  readonly isNew: boolean
}

export interface CounterRow {
  readonly organizationId: string
  readonly planId: string
  readonly component: string
  readonly periodStart: number
  used: number
  includedUsed: number
  reserved: number
}

export interface MemberRow {
  readonly organizationId: string
  readonly userId: string
  role: 'member' | 'admin' | 'owner'
  state: 'active' | 'pending_payment' | 'removed'
  operation: string
  charged: Nano
  needed: Nano | null
  missing: Nano | null
  addedAt: number
  /** The most that the member's jobs of one period may come to; null: no limit of its own. */
  spendingLimit: Nano | null
  /**
   * What the member's jobs of the period `committedPeriod` hold and were charged, less what was reversed. Of any other
   * period it says nothing: there it begins at 0.
   */
  committed: Nano
  committedPeriod: number | null
}

export type EntryKind =
  | 'top_up'
  | 'hold'
  | 'extend'
  | 'charge'
  | 'release'
  | 'reversal'
  | 'plan_fee'
  | 'seat_fee'
  | 'feature'
  | 'write_off'
  | 'adjustment'
export type Account = 'available' | 'held' | 'revenue' | 'funding' | 'write_off' | 'adjustment'

export interface EntryRow {
  readonly id: string
  readonly organizationId: string
  readonly seq: number
  readonly kind: EntryKind
  readonly debit: Account
  readonly credit: Account
  readonly amount: Nano
  readonly currency: string
  readonly availableAfter: Nano
  readonly heldAfter: Nano
  readonly businessKey: string
  readonly jobId: string | null
  readonly stage: string | null
  readonly component: string | null
  readonly tokenClass: string | null
  readonly reference: string | null
  readonly reversesSeq: number | null
  details: FundingDetails | null
  readonly createdAt: number
}

/** What a top-up or adjustment answered when it was made; a replay repeats it. */
export interface FundingDetails {
  readonly note: string | null
  readonly direction: 'credit' | 'debit' | null
  readonly resumedJobs: readonly string[]
  readonly activatedMembers: readonly string[]
  readonly balance: BalanceView
}

/** A balance as it stood at one `seq`; amounts as nano-unit strings where it is stored as JSON. */
export interface BalanceView {
  readonly currency: string
  readonly available: Nano
  readonly held: Nano
  readonly overdraftLimit: Nano
  readonly seatsUsed: number
  readonly seatsPaid: number
  readonly maxTeamMembers: number | null
  readonly parked: number
  readonly asOfSeq: number
}

/** One line of a receipt: what pricing said, what of it was charged (`amount`) and what the platform bears itself. */
export interface SettledLine extends Line {
  readonly writtenOff: Nano
  readonly ledgerSeq: number | null
}

export interface Rejection {
  readonly reason: 'insufficient' | 'held_by_others' | 'past_due' | 'frozen' | 'member_limit'
  readonly stage: string
  readonly needed: Nano
  /** Of the balance; or, for `member_limit`, of the member's limit, and below 0 where that was lowered since. */
  readonly available: Nano
  readonly missing: Nano
  /**
   * Of a parked job: what it will cost at least, whatever others settle, hold or release meanwhile. Where it is not noted
   * nothing is known. A reversal, a new period and another tariff may undercut it, and ask for a walk over all.
   */
  readonly atLeast?: Nano
  /** While the job stops: the model calls that its refused stage asked for, which the next hold must cover. */
  readonly calls?: number
}

export interface Failure {
  readonly code: FailureCode
  readonly stage: string
  readonly detail: string
}

export type FailureCode =
  | 'unpriced-model'
  | 'max-cost-too-low'
  | 'provider-error'
  | 'stage-deadline'
  | 'agent-error'
  | 'worker-lost'
  | 'not-a-member'

/** What was charged for a feature outside of any job, once under its key. Written once, where its price is 0 too. */
export interface FeatureChargeRow {
  readonly id: string
  readonly organizationId: string
  readonly key: string
  readonly feature: string
  readonly quantity: number
  readonly userId: string | null
  readonly tariffVersionId: string
  readonly periodStart: number
  readonly line: SettledLine
  /** As it stood behind the charge; a replay repeats it. */
  readonly balance: BalanceView
  readonly createdAt: number
}

/** Everything that one batch names, read after its organisations were locked. */
export interface Facts {
  readonly now: number
  readonly organizations: readonly OrganizationRow[]
  readonly jobs: readonly JobRow[]
  readonly stages: readonly StageRow[]
  readonly holds: readonly HoldRow[]
  readonly counters: readonly CounterRow[]
  readonly members: readonly MemberRow[]
  readonly entries: readonly EntryRow[]
  readonly featureCharges: readonly FeatureChargeRow[]
  readonly answers: readonly AnswerRow[]
  /**
   * By organisation, where a walk looks only at what may fit: up to which `atLeast` its parked jobs were read, which is
   * what was spendable at the lock.
   */
  readonly parkedUpTo: ReadonlyMap<string, Nano>
}

/** The rows that the fold changed or made; the write statement stores them and decides nothing. */
export interface Writes {
  readonly organizations: readonly OrganizationRow[]
  /** Of these organisations, those whose subscription changed: period, status, tariff. */
  readonly subscriptions: readonly OrganizationRow[]
  readonly periods: readonly PeriodRow[]
  readonly jobs: readonly JobRow[]
  readonly stages: readonly StageRow[]
  readonly holds: readonly HoldRow[]
  readonly counters: readonly CounterRow[]
  readonly members: readonly MemberRow[]
  readonly entries: readonly EntryRow[]
  readonly absorbed: readonly AbsorbedRow[]
  readonly alerts: AlertWrites
  readonly featureCharges: readonly FeatureChargeRow[]
  readonly slips: SlipWrites
  /** Organisations where money became free while somebody waits for it. */
  readonly wake: readonly string[]
  /** Of these, those where all parked jobs are to be looked at: their prices may have fallen. */
  readonly wakeAll: readonly string[]
  /** Jobs whose state changed, for whoever waits for them. */
  readonly changed: readonly string[]
}
