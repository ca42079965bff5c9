export const PRICES = { input: 2n, fee: 100n, prompt: 3n, completion: 5n, output: 1n, seat: 400n, page: 30n } as const
/** Pages of a period that cost nothing. */
export const PAGES_FREE = 6
export const SEATS_MAX = 3

/** The most that a stage may use. */
export interface Bound {
  /** Input or output tokens, and what each costs. */
  tokens: number
  readonly price: bigint
  /** What an agent's run costs beside its calls. */
  readonly fee: bigint
  /** Calls of a model, each with that many tokens at most. */
  calls: number
  readonly prompt: number
  completion: number
}

export interface Stage {
  readonly name: string
  /** Stages of one step are due together. */
  readonly step: number
  readonly bound: Bound
  /** Its bound before anything was cut down to the job's limit. */
  readonly full: Bound
  state: 'waiting' | 'running' | 'charged' | 'reversed'
  /** What was taken for each line. */
  paid: bigint[]
  claim: string | null
  lives: boolean
  starts: number
  /** How often work on it was for nothing. */
  absorbed: number
  /** What each further model call was held for. */
  extensions: Record<number, bigint>
}

export interface Job {
  readonly id: string
  readonly organization: string
  readonly runner: 'own' | 'pipeline'
  readonly stages: Stage[]
  state: 'queued' | 'processing' | 'charged' | 'rejected_for_balance' | 'failed' | 'cancelled'
  /** What is left of its hold; null: it has none. */
  hold: bigint | null
  charged: bigint
  reversed: bigint
  released: bigint
  writtenOff: bigint
  readonly maxCost: bigint | null
  /** What it is charged at least, once it comes to its output. */
  readonly minimum: bigint
  /** Why it is parked, or will be when nothing of it works any more. */
  refusal: string | null
  /** The stage at which it was refused, and the call that was asked for there. */
  refusedAt: { stage: string; call: number } | null
  moment: number
}

export interface Organization {
  readonly id: string
  readonly overdraft: bigint
  readonly paysForFailure: boolean
  available: bigint
  held: bigint
  /** How many entries its ledger has. */
  seq: number
  seatsUsed: number
  seatsPaid: number
  /** How many pages were charged, with the free ones. */
  pages: number
  members: Record<string, { state: 'active' | 'pending_payment' | 'removed'; charged: bigint; moment: number }>
  /** What each payment and each charge under a key was, and what it was answered. */
  payments: Record<string, { terms: string; answer: string }>
}

export interface Books {
  organizations: Record<string, Organization>
  jobs: Record<string, Job>
  /** Grows with every operation, unless they share a transaction: then the ids decide who was first. */
  moment: number
}

/** What is asked; `usage` are the prices of a stage's lines in their order. */
export type Operation =
  | { kind: 'admit' | 'complete' | 'reverse' | 'cancel' | 'resume' | 'redeliver'; job: string }
  | { kind: 'settle'; job: string; stage: number; usage: readonly bigint[] }
  | { kind: 'claim'; job: string; stage: number; claim: string }
  | { kind: 'keep' | 'fail'; job: string; stage: number; claim: string | null }
  | { kind: 'let_go'; job: string; stage: number; claim: string | null; isForNothing: boolean }
  | { kind: 'extend'; job: string; stage: number; claim: string | null; call: number }
  /** Its worker is silent until the claim has ended. */
  | { kind: 'lapse'; job: string; stage: number }
  | { kind: 'wake'; organization: string }
  | { kind: 'top_up' | 'credit' | 'debit'; organization: string; amount: bigint; reference: string }
  | { kind: 'add_member'; organization: string; user: string }
  | { kind: 'feature'; organization: string; pages: number; key: string }
  | { kind: 'remove_member'; organization: string; user: string }

export function found<T>(value: T | undefined | null): T {
  if (value === undefined || value === null) throw new Error('the model has no such thing')
  return value
}
