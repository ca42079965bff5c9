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
  /** What is on no record yet, once the calls that were stopped have broken off. */
  take: () => Promise<Taken>
  /** Resolves when no call is under way any more. */
  ended: () => Promise<void>
}

export interface Taken {
  /** null: nothing. */
  readonly usage: StageUsage | null
  /** It is on record now, and not given again. */
  kept(): void
}

/** Of a stage that calls no model, or has not begun to. */
export const nothingSpent = (): Spent => ({
  take: async () => ({ usage: null, kept: () => undefined }),
  ended: async () => undefined,
})
