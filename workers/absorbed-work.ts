import type { StageOf } from '../src/managers/token-based-billing.manager.ts'
import type { StageServices } from '../src/pipeline/stage-services.ts'
import { formatAmount, type Nano } from '../src/pricing/money.ts'
import type { StageUsage } from '../src/pricing/usage.ts'
import { showParked } from './parked-card.ts'
import type { StageContext } from './stage-context.ts'

/** Ends the claim of a run that came to nothing; what it used of a model is the platform's. */
export async function letGo(context: StageContext): Promise<void> {
  await giveBack(context, await context.spent.take())
}

/** The same where the claim is gone already: only what was used is left to tell. */
export async function letGoSpent(context: StageContext): Promise<void> {
  const usage = await context.spent.take()
  if (usage) await giveBack(context, usage)
}

async function giveBack({ of, claim, services }: StageContext, usage: StageUsage | null): Promise<void> {
  const { parked, cost } = await services.billing.letGo(claim, usage)
  if (usage) absorbed(services, of, cost)
  await showParked(services, of, parked)
}

/** A model may answer a run that was ended: nobody waits for that, but the platform pays for it. */
export async function absorbLate(context: StageContext): Promise<void> {
  const { of, services, spent } = context
  await spent.ended()
  await letGoSpent(context).catch((err: unknown) =>
    services.logger.warn({ ...of, err }, 'a late answer is not on record'),
  )
}

/** The stage's row counts what the platform bears itself; the log says what the customer would have paid for it. */
export function absorbed({ logger }: StageServices, { jobId, stage }: StageOf, cost: Nano): void {
  logger.info({ jobId, stage, cost: formatAmount(cost) }, 'work is absorbed: its stage is settled or comes to nothing')
}
