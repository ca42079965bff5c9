import type { Failure, Rejection, SettledLine } from '../ledger/facts.ts'
import type { JobState, StageState } from '../ledger/states.ts'
import type { Nano } from '../pricing/money.ts'

/** Whose jobs somebody may see: an organisation's, or of these only one member's. */
export interface Within {
  readonly organizationId: string
  readonly userId: string | null
}

/** A stage as the doors show it; its result stays readable whatever became of the job. */
export interface StageView {
  readonly stage: string
  readonly state: StageState
  readonly tokens: number
  readonly charged: Nano
  readonly result: string | null
  readonly finishedAt: Date | null
}

/** A job as the doors show it, amounts in nano-units. `charged` is what the customer pays: charges less reversals. */
export interface JobView {
  readonly id: string
  readonly organizationId: string
  readonly userId: string | null
  readonly externalId: string | null
  readonly state: JobState
  readonly stage: string | null
  readonly steps: readonly (readonly string[])[]
  readonly tariffId: string | null
  readonly tariffVersion: number | null
  readonly currency: string
  readonly held: Nano
  readonly charged: Nano
  readonly stages: readonly StageView[]
  readonly rejection: (Rejection & { readonly expiresAt: Date }) | null
  readonly failure: Failure | null
  readonly result: { readonly text: string } | null
  readonly createdAt: Date
  readonly finishedAt: Date | null
}

/** Everything that a job cost and why, recomputable from its own figures. Amounts in nano-units. */
export interface Receipt {
  readonly jobId: string
  readonly organizationId: string
  readonly state: JobState
  readonly final: boolean
  readonly currency: string
  readonly tariffId: string | null
  readonly tariffVersion: number | null
  readonly tokenizer: { readonly id: string; readonly version: string }
  readonly held: Nano
  readonly charged: Nano
  readonly reversed: Nano
  readonly released: Nano
  readonly writtenOff: Nano
  readonly total: Nano
  readonly lines: readonly (SettledLine & { readonly stage: string })[]
  readonly issuedAt: Date
}
