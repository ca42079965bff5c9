import type { Nano } from '../pricing/money.ts'
import type { BoundedStage } from '../pricing/quote.ts'
import type { StageUsage } from '../pricing/usage.ts'
import type { ThresholdRow } from './alert-facts.ts'
import type { Answer } from './answer-row.ts'
import type {
  BalanceView,
  Failure,
  FeatureChargeRow,
  FundingDetails,
  MemberRow,
  OrganizationRow,
  Rejection,
  SettledLine,
} from './facts.ts'
import type { JobState } from './states.ts'

/** What to put into the queue after COMMIT: one queue job, several, or several with the next step's as their parent. */
export interface Delivery {
  readonly jobId: string
  readonly organizationId: string
  /** The job's resumes so far; the card of the parking before this resume has one less. */
  readonly generation: number
  readonly stages: readonly { readonly stage: string; readonly delivery: number }[]
  readonly parent: { readonly stage: string; readonly delivery: number } | null
}

/** A job that was parked at a stage, for its card. */
export interface Parked {
  readonly generation: number
  readonly stage: string
}

/** Where a walk over an organisation's parked jobs goes on: after this one. */
export interface ParkedCursor {
  readonly parkedAt: number
  readonly id: string
}

/**
 * Which parked jobs a walk looks at: those that may fit what is spendable by what was noted with their refusal, or all,
 * because prices may have changed since.
 */
export type WakeScope = 'fitting' | 'all'

/** How many parked jobs one transaction looks at, so that no wake holds its organisation's lock for long. */
export const PARKED_PER_WAKE = 100

/** The questions and orders that a batch may hold; `organizationId` says which balance row they lock. */
export interface Calls {
  claim: { organizationId: string; jobId: string; stage: string; claimId: string; leaseMs: number }
  keep: { organizationId: string; jobId: string; stage: string; claimId: string; leaseMs: number }
  admit: {
    organizationId: string
    jobId: string
    bounds: readonly BoundedStage[]
    /** The output tokens per agent that the bounds were made with; `max_cost` shrinks it. */
    outputLimit: number
    parkedExpiresMs: number
  }
  /** `call` is the number of the model call that the stage wants to make; `claimId` is null for an own job only. */
  extend: {
    organizationId: string
    jobId: string
    stage: string
    claimId: string | null
    call: number
    parkedExpiresMs: number
  }
  /** `usage` is what the work that ends here used of a model, if it shall not be charged. */
  let_go: { organizationId: string; jobId: string; stage: string; claimId: string; usage: StageUsage | null }
  /** `lost` is what calls without an answer used besides; the platform bears it. */
  settle: {
    organizationId: string
    jobId: string
    stage: string
    usage: StageUsage
    result: string | null
    lost?: StageUsage | null
  }
  complete: { organizationId: string; jobId: string }
  reverse: { organizationId: string; jobId: string; failure: Failure }
  fail: { organizationId: string; jobId: string; stage: string; claimId: string | null; failure: Failure }
  cancel: { organizationId: string; jobId: string }
  redeliver: { organizationId: string; jobId: string; seen: readonly { stage: string; delivery: number }[] }
  /** With a `jobId` that one job only, in any scope. */
  wake: { organizationId: string; jobId: string | null; scope: WakeScope; after: ParkedCursor | null }
  /** Does what is due by time, which every call does first, and pays what is owed. */
  renew: { organizationId: string }
  top_up: { organizationId: string; amount: Nano; reference: string; note: string | null }
  adjust: {
    organizationId: string
    amount: Nano
    direction: 'credit' | 'debit'
    reference: string
    note: string | null
  }
  add_member: {
    organizationId: string
    userId: string
    role: MemberRow['role']
    /** For the member's jobs of each period; left out or null: none. */
    spendingLimit?: Nano | null
    operation: string
  }
  /** What is left out stays as it is. */
  change_member: {
    organizationId: string
    userId: string
    role?: MemberRow['role']
    spendingLimit?: Nano | null
    /** What the asker has seen and means to change; null: what was seen is gone already. Left out: whatever it is. */
    seen?: Pick<MemberRow, 'role' | 'state' | 'spendingLimit'> | null
  }
  remove_member: { organizationId: string; userId: string }
  /** `id` is drawn by the caller, so that a repeated call finds its own. */
  add_threshold: { organizationId: string } & Pick<ThresholdRow, 'id' | 'metric' | 'below' | 'clearAt'>
  remove_threshold: { organizationId: string; thresholdId: string }
  /** What stood in one snapshot: `available` as of ledger entry `seq`, and what the jobs that waited then were quoted at. */
  judge_headroom: { organizationId: string; available: Nano; seq: number; demanded: Nano; estimated: boolean }
  /** `id` is drawn for this call: a charge that bears it was made by this very call. */
  charge_feature: {
    organizationId: string
    id: string
    feature: string
    quantity: number
    key: string
    userId: string | null
  }
}

export interface Verdicts {
  claim:
    | { kind: 'granted'; starts: number }
    | { kind: 'settled'; next: Delivery | null; state: JobState; tokens: number; charged: Nano; currency: string }
    | { kind: 'busy'; until: number; now: number }
    | { kind: 'exhausted'; starts: number }
    | { kind: 'dead'; state: JobState | 'unknown'; failure: Failure | null }
  keep: 'go_on' | 'stop'
  admit:
    | { kind: 'admitted'; held: Nano; lines: readonly SettledLine[]; next: Delivery | null; currency: string }
    | { kind: 'refused'; rejection: Rejection; expiresAt: number; generation: number; currency: string }
    | { kind: 'failed'; failure: Failure }
    | { kind: 'dead'; state: JobState | 'unknown' }
  extend:
    | { kind: 'granted'; calls: number; extended: Nano; currency: string }
    | { kind: 'refused'; rejection: Rejection; parked: Parked | null; currency: string }
    | { kind: 'failed'; failure: Failure }
    | { kind: 'dead'; state: JobState | 'unknown' }
  let_go: { parked: Parked | null; cost: Nano }
  settle:
    | {
        kind: 'settled'
        replayed: boolean
        /** What the usage would have cost that a replay came with; a repeated call that made the charge is no replay. */
        absorbed: Nano
        lines: readonly SettledLine[]
        charged: Nano
        tokens: number
        next: Delivery | null
        state: JobState
        /** The job, if this was the last running stage of one that was refused money. */
        parked: Parked | null
        currency: string
      }
    | { kind: 'absorbed'; state: JobState | 'unknown'; cost: Nano }
  complete: { kind: 'completed'; released: Nano } | { kind: 'dead'; state: JobState | 'unknown' }
  reverse: { kind: 'reversed'; reversed: Nano } | { kind: 'dead'; state: JobState | 'unknown' }
  fail: { kind: 'failed'; failure: Failure } | { kind: 'refused'; state: JobState | 'unknown' }
  cancel: { kind: 'cancelled' } | { kind: 'refused'; state: JobState | 'unknown' }
  redeliver: Delivery | null
  wake: {
    resumed: readonly Delivery[]
    members: readonly string[]
    /** Jobs that no money helps any more and that have charges to be reversed: a wake of each alone fails it. */
    hopeless: readonly string[]
    more: ParkedCursor | null
  }
  renew: { status: OrganizationRow['status']; owed: Nano }
  top_up: Funding
  adjust: Funding | { kind: 'refused'; available: Nano }
  add_member:
    | { kind: 'added' | 'known'; member: MemberRow; currency: string }
    | { kind: 'seat-limit'; limit: number }
    | { kind: 'no-tariff' }
  /** `last-owner`: nothing was changed, since nobody else could own the organisation then. */
  change_member: { kind: 'changed'; member: MemberRow; currency: string } | { kind: 'unknown' | 'last-owner' | 'stale' }
  remove_member: { kind: 'removed' | 'unknown' | 'last-owner' }
  add_threshold: { kind: 'added' | 'known' } | { kind: 'limit'; limit: number }
  remove_threshold: { kind: 'removed' | 'unknown' }
  /** How many alerts this raised and cleared. */
  judge_headroom: { raised: number; cleared: number }
  charge_feature:
    | { kind: 'charged'; replayed: boolean; charge: FeatureChargeRow; tariff: { planId: string; version: number } }
    /** The key was used for something else before. */
    | { kind: 'conflict'; charge: FeatureChargeRow }
    | {
        kind: 'refused'
        reason: Rejection['reason']
        needed: Nano
        available: Nano
        missing: Nano
        currency: string
      }
    | { kind: 'no-tariff' | 'not-a-member' | 'too-much' }
}

export type Funding =
  | {
      kind: 'funded'
      replayed: boolean
      entryId: string
      seq: number
      amount: Nano
      createdAt: number
      details: FundingDetails
      resumed: readonly Delivery[]
    }
  | { kind: 'conflict'; amount: Nano }
  | { kind: 'too-much' }

export type CallKind = keyof Calls

/**
 * Whether a call was made before by the same caller, who was told nothing: its COMMIT may have been done or not. What it
 * finds done is then its own doing, and it is answered as it was then; to anybody else that is somebody else's.
 */
interface Repeatable {
  readonly repeated?: boolean
}

/** What is known of whom a call concerns at one moment. */
export interface Standing {
  /** `parked` counts only in calls that walk over parked jobs. */
  readonly balance: BalanceView
  /** null where the call names none, or nobody was ever added by that name. */
  readonly member: MemberRow | null
}

/**
 * What goes along with a call and is stored with its effect: the answer under the asker's key, and the entry that says who
 * asked. Its functions are pure: a call that is decided again asks them again.
 */
export interface Slip<K extends CallKind> {
  /** Drawn for this request: an answer that bears it was given to this very request, and lost on the way. */
  readonly id: string
  /** What the asker calls this request within its organisation, and a hash of all that it says. */
  readonly key: { readonly key: string; readonly hash: string } | null
  /** null for a refusal: nothing happened, and the same key may be tried again. */
  answer(verdict: Verdicts[K]): Answer | null
  /** Whether what the call changes stands in the audit log. */
  readonly audited: boolean
  /** The entry of the audit log as its text, at epoch milliseconds. Asked for where the call changed something. */
  entry(verdict: Verdicts[K], before: Standing, at: number): string
}

/** Instead of a verdict: what was answered under the key of the call's slip before. */
export interface Answered {
  readonly kind: 'answered'
  readonly answer: Answer
  /** false where it was this very request that was answered. */
  readonly replayed: boolean
}

/** What a rule is given of a call. */
export type Asked<K extends CallKind> = Calls[K] & Repeatable
/** One call of a batch, with its slip if it has one. */
export type Call = {
  [K in CallKind]: { readonly kind: K; readonly slip?: Slip<K> } & Readonly<Asked<K>>
}[CallKind]
export type Verdict = Verdicts[CallKind]
/** What a call comes to where nothing fails. */
export type Outcome = Verdict | Answered
