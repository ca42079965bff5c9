import type { Book } from './book.ts'
import type { Delivery } from './calls.ts'
import type { JobRow, StageRow } from './facts.ts'
import { isStopping, moveStage } from './states.ts'

/**
 * How long the sweep lets a freshly planned queue job be, in milliseconds. Enqueueing follows COMMIT at once; what is
 * not in the queue after this was lost with its process.
 */
const ENQUEUE_GRACE_MS = 5_000

/** The stages whose turn it is: the unfinished ones of the first step that is not settled. */
export function dueStages(stages: readonly StageRow[]): readonly StageRow[] {
  const unfinished = stages.filter((row) => row.state === 'waiting' || row.state === 'running')
  const position = unfinished[0]?.position
  return unfinished.filter((row) => row.position === position)
}

/** Where a job is: the first stage that is not settled; null when all are. */
export function currentStage(stages: readonly Pick<StageRow, 'stage' | 'state'>[]): string | null {
  return stages.find((row) => row.state === 'waiting' || row.state === 'running')?.stage ?? null
}

/** Takes every claim of a job back and lets the sweep forget its stages: it is parked or has ended. */
export function stopStages(book: Book, job: JobRow): void {
  for (const row of book.stages(job.id)) {
    if (row.claimId === null && row.claimedUntil === null && row.checkAt === null && row.state !== 'running') continue
    row.claimId = null
    row.claimedUntil = null
    row.checkAt = null
    if (row.state === 'running') moveStage(row, 'waiting')
    book.touchStage(row)
  }
}

/**
 * Plans the queue jobs of what is due now, each under a new delivery number, since BullMQ ignores an id that it knows.
 * Several stages whose next step is a single one travel as a flow with that one as the parent, all under one number:
 * equal numbers of child and parent are the mark of a flow, and of nothing else, since numbers grow over all stages of a
 * job. Own jobs have a worker of their own and no queue job.
 */
export function planDelivery(book: Book, job: JobRow): Delivery | null {
  const stages = book.stages(job.id)
  const due = dueStages(stages)
  const position = due[0]?.position
  if (job.runner === 'own' || position === undefined) return null
  const next = stages.filter((row) => row.position === position + 1)
  const parent = due.length > 1 && next.length === 1 ? next[0] : undefined
  const members = parent ? [...due, parent] : due
  const delivery = Math.max(...stages.map((row) => row.delivery)) + 1
  for (const row of members) {
    row.delivery = delivery
    book.touchStage(row)
  }
  for (const row of due) row.checkAt = book.now + ENQUEUE_GRACE_MS
  const toItem = (row: StageRow) => ({ stage: row.stage, delivery: row.delivery })
  return {
    jobId: job.id,
    organizationId: job.organizationId,
    generation: job.generation,
    stages: due.map(toItem),
    parent: parent ? toItem(parent) : null,
  }
}

/**
 * What follows a settled stage: nothing while its siblings work; nothing to enqueue when the next stage came along as
 * their parent in a flow; else a fresh delivery.
 */
export function planNext(book: Book, job: JobRow, settled: StageRow): Delivery | null {
  const due = dueStages(book.stages(job.id))
  if (due[0] === undefined || due[0].position <= settled.position) return null
  const [only] = due
  if (due.length === 1 && only.delivery === settled.delivery && only.delivery > 0) {
    only.checkAt = book.now + ENQUEUE_GRACE_MS
    book.touchStage(only)
    return null
  }
  return planDelivery(book, job)
}

/**
 * What stands planned after a settled stage, under the numbers it already has: for the rerun of a queue job whose worker
 * died between COMMIT and the enqueue. Adding the same ids again is harmless; anything less plain is left to the sweep.
 */
export function plannedNext(book: Book, job: JobRow, settled: StageRow): Delivery | null {
  const [first] = dueStages(book.stages(job.id))
  if (first === undefined || first.position <= settled.position || first.delivery === settled.delivery) return null
  return plannedDue(book, job)
}

/** What stands planned of what is due, if it was planned at once and nothing of it was settled since; for a call again. */
export function plannedDue(book: Book, job: JobRow): Delivery | null {
  const mayRun = job.state === 'queued' || (job.state === 'processing' && !isStopping(job))
  if (job.runner === 'own' || !mayRun) return null
  const stages = book.stages(job.id)
  const due = dueStages(stages)
  const [first] = due
  if (first === undefined || first.delivery === 0) return null
  const planned = stages.filter((row) => row.position === first.position && row.delivery === first.delivery)
  if (planned.length !== due.length || due.some((row) => row.delivery !== first.delivery)) return null
  const parent = stages.find((row) => row.position === first.position + 1 && row.delivery === first.delivery)
  const toItem = (row: StageRow) => ({ stage: row.stage, delivery: row.delivery })
  return {
    jobId: job.id,
    organizationId: job.organizationId,
    generation: job.generation,
    stages: due.map(toItem),
    parent: due.length > 1 && parent ? toItem(parent) : null,
  }
}
