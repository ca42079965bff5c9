import type { Parked } from '../src/ledger/calls.ts'
import type { JobOf } from '../src/managers/token-based-billing.manager.ts'
import type { StageServices } from '../src/pipeline/stage-services.ts'

/** Puts the card of a job that was just parked, if it was; a lost card is put by the sweep. */
export async function showParked(
  { queues, logger }: StageServices,
  { organizationId, jobId }: JobOf,
  parked: Parked | null,
): Promise<void> {
  if (!parked) return
  await queues.putCards([{ organizationId, jobId, ...parked }]).catch((error: unknown) => {
    logger.warn({ jobId, reason: String(error) }, 'the card of a parked job is left to the sweep')
  })
}
