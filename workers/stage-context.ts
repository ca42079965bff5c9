import type { StageWork } from '../src/database/stage-work.ts'
import type { Claim, StageOf } from '../src/managers/token-based-billing.manager.ts'
import type { StageServices } from '../src/pipeline/stage-services.ts'
import type { StageUsage } from '../src/pricing/usage.ts'

/** What a stage's steps are given: the job, its stage, and everything to work with. */
export interface StageContext {
  readonly of: StageOf
  readonly claim: Claim
  readonly job: StageWork
  readonly services: StageServices
  /** Filled by a stage that calls a model. */
  readonly spent: Spent
}

/** What a run's model calls used, for nothing if the run comes to nothing. */
interface Spent {
  /** Since it was last asked, once the calls that were stopped have broken off; null: nothing. */
  take: () => Promise<StageUsage | null>
  /** Resolves when no call is under way any more. */
  ended: () => Promise<void>
}

/** Of a stage that calls no model, or has not begun to. */
export const nothingSpent = (): Spent => ({ take: async () => null, ended: async () => undefined })
