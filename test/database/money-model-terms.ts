export const PRICES = { input: 2n, fee: 100n, prompt: 3n, completion: 5n, output: 1n, seat: 400n } as const
export const SEATS_MAX = 3

export interface Stage {
  readonly name: string
  /** Stages of one step are due together. */
  readonly step: number
  /** The most that it may cost. */
  readonly most: bigint
  state: 'waiting' | 'running' | 'charged' | 'reversed'
  /** What was taken for each line. */
  paid: bigint[]
  claim: string | null
  lives: boolean
  starts: number
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
  refusal: string | null
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
  members: Record<string, { state: 'active' | 'pending_payment' | 'removed'; charged: bigint; moment: number }>
  /** What each payment was, and what it was answered. */
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
  | { kind: 'admit' | 'complete' | 'reverse' | 'cancel' | 'resume'; job: string }
  | { kind: 'settle'; job: string; stage: number; usage: readonly bigint[] }
  | { kind: 'claim'; job: string; stage: number; claim: string }
  | { kind: 'let_go' | 'fail'; job: string; stage: number; claim: string | null }
  | { kind: 'wake'; organization: string }
  | { kind: 'top_up' | 'credit' | 'debit'; organization: string; amount: bigint; reference: string }
  | { kind: 'add_member'; organization: string; user: string }
  | { kind: 'remove_member'; organization: string; user: string }

export function found<T>(value: T | undefined | null): T {
  if (value === undefined || value === null) throw new Error('the model has no such thing')
  return value
}
