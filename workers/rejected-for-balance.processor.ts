import { rejectionSentence } from '../src/managers/contract-json.ts'
import type { StageServices } from '../src/pipeline/stage-services.ts'
import { cardId } from '../src/queues/cards.ts'
import { DeadEnd, type Processor } from '../src/queues/delivery.ts'

/**
 * Keeps a parked job's card honest: it fails with the reason as it stands in the job's row. A Retry on the board asks
 * the balance again first; a job that goes on lets its card go.
 */
export function rejectedProcessor(services: StageServices): Processor<'billing.rejected-for-balance'> {
  const { em, jobs, work, billing, outbox } = services
  return async ({ id, data: { jobId }, attemptsMade }) => {
    const parked = await work.read({ jobId, stage: 'input' })
    if (!parked) throw new DeadEnd(`There is no job ${jobId}; nothing was done`)
    // A copy, or the card of an earlier parking: a parked job has exactly one.
    if (id !== cardId({ jobId, generation: parked.generation })) return { kind: 'ended' }
    const retried = attemptsMade > 0
    const resumed = retried ? await billing.resume({ organizationId: parked.organizationId, jobId }) : null
    // The card that stands for the parking is this queue job itself: ending it takes it away.
    if (resumed) await outbox.push([resumed])
    const job = await jobs.find(em(), jobId)
    if (job.state !== 'rejected_for_balance' || !job.rejection) return { kind: 'ended' }
    throw new DeadEnd(rejectionSentence(job.rejection, job.currency))
  }
}
