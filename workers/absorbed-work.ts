import { setTimeout as sleep } from 'node:timers/promises'
import type { StageOf } from '../src/managers/token-based-billing.manager.ts'
import type { StageServices } from '../src/pipeline/stage-services.ts'
import { formatAmount, type Nano } from '../src/pricing/money.ts'
import { showParked } from './parked-card.ts'
import type { StageContext, Taken } from './stage-context.ts'

/** Ends the claim of a run that came to nothing; what it used of a model is the platform's. */
export async function letGo(context: StageContext): Promise<void> {
  await giveBack(context, await context.spent.take())
}

/** The same where the claim is gone already: only what was used is left to tell. */
export async function letGoSpent(context: StageContext): Promise<void> {
  const taken = await context.spent.take()
  if (taken.usage) await giveBack(context, taken)
}

async function giveBack({ of, claim, services }: StageContext, { usage, kept }: Taken): Promise<void> {
  const { parked, cost } = await services.billing.letGo(claim, usage)
  kept()
  if (usage) absorbed(services, of, cost)
  await showParked(services, of, parked)
}

/** Our own database may be away longer than its callers wait. */
const KEPT_AGAIN_MS: readonly number[] = [5_000, 30_000, 120_000]

/**
 * A model may answer a run that was ended: nobody waits for that, but the platform pays for it. What could not be put on
 * record when the run was let go is tried again.
 */
export async function absorbLate(context: StageContext, pausesMs = KEPT_AGAIN_MS): Promise<void> {
  const { of, services, spent } = context
  await spent.ended()
  for (const pauseMs of [...pausesMs, null]) {
    try {
      return await letGoSpent(context)
    } catch (err) {
      if (pauseMs === null) {
        const { usage } = await spent.take()
        services.logger.error({ ...of, usage, err }, 'what a model used for nothing is on no record but this line')
      } else await sleep(pauseMs, undefined, { ref: false })
    }
  }
}

/** The stage's row counts what the platform bears itself; the log says what the customer would have paid for it. */
export function absorbed({ logger }: StageServices, { jobId, stage }: StageOf, cost: Nano): void {
  logger.info({ jobId, stage, cost: formatAmount(cost) }, 'work is absorbed: its stage is settled or comes to nothing')
}
