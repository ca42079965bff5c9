import type { Nano } from '../pricing/money.ts'
import type { StageUsage } from '../pricing/usage.ts'

/** Why the platform bears what a model did for a job: told to nobody but those who look at its margin. */
export type AbsorbedReason = 'replayed' | 'late' | 'abandoned' | 'broken_off'

/** Work that nobody pays for. Written once; no money moves. */
export interface AbsorbedRow {
  readonly id: string
  readonly organizationId: string
  readonly jobId: string
  readonly stage: string
  /**
   * `replayed`: the stage was charged already; `late`: its job had ended; `abandoned`: a run that failed or was stopped;
   * `broken_off`: calls without an answer, of a run that was charged.
   */
  readonly reason: AbsorbedReason
  readonly usage: StageUsage
  readonly tokens: number
  /** What the customer would have paid by the job's tariff, in nano-units; what a provider charges is not known here. */
  readonly cost: Nano
  readonly createdAt: number
}
