import type { Job } from 'bullmq'
import { DelayedError, UnrecoverableError, WaitingError } from 'bullmq'
import { CATALOGUE, type QueueName, type QueuePayload } from './catalogue.ts'
import type { Trimming } from './trimming.ts'

/** One run of a queue job, as our processors see it. */
export interface Delivery<Name extends QueueName = QueueName> {
  readonly queue: Name
  readonly id: string
  readonly name: string
  readonly data: QueuePayload<Name>
  /** Failures of this queue job so far, by anything but a killed worker; 0 for a card that was just put. */
  readonly attemptsMade: number
  /** How often this queue job was begun, this time included: more than once where a worker was lost, too. */
  readonly starts: number
  /** With `attemptsMade + 1` equal to this, a technical failure is the last one. */
  readonly attemptsMax: number
}

/**
 * How a run ended. `charged` stays on the board, with a label that is shown and never read back; `ended` leaves no card,
 * since completed means charged; `later` comes back at that time, without counting as an attempt.
 */
export type Outcome =
  | { readonly kind: 'charged'; readonly label: string }
  | { readonly kind: 'ended' }
  | { readonly kind: 'later'; readonly untilMs: number }

/** Runs one delivery; must be safe to run again. `signal` says stop: the lock is lost, or this process goes down. */
export type Processor<Name extends QueueName> = (delivery: Delivery<Name>, signal: AbortSignal) => Promise<Outcome>

/** One processor for each queue of the catalogue; a missing or mistyped one does not compile. */
export type Processors = { readonly [Name in QueueName]: Processor<Name> }

/** Ends a queue job as failed with this reason, without another attempt. */
export class DeadEnd extends Error {
  override readonly name = 'DeadEnd'
}

/** Reasons are read by people on a card; a 5 MB error message is no reason. */
const REASON_MAX = 1_000

/** Cut, and without what PostgreSQL cannot store: a reason that cannot be written would leave the queue job active. */
function toStorable(text: string): string {
  const cut = text.length > REASON_MAX ? `${text.slice(0, REASON_MAX)}…` : text
  return cut.replaceAll('\0', '').toWellFormed()
}

/** What a run needs of the worker that it runs in. */
export interface RunControl {
  readonly token: string
  readonly signal: AbortSignal
  readonly goingDown: () => boolean
  readonly trimming: Trimming
}

/** What BullMQ shall do with this run: a value completes it, a throw does the rest. */
export async function runDelivery<Name extends QueueName>(
  queue: Name,
  job: Job,
  processor: Processor<Name>,
  control: RunControl,
): Promise<{ label: string } | null> {
  const outcome = await attempt(queue, job, processor, control)
  switch (outcome.kind) {
    case 'charged':
      if (!control.trimming.isDue(job.opts.removeOnComplete)) job.opts.removeOnComplete = false
      return { label: toStorable(outcome.label) }
    case 'ended':
      job.opts.removeOnComplete = true
      return null
    case 'later':
      await job.moveToDelayed(outcome.untilMs, control.token)
      throw new DelayedError()
  }
}

async function attempt<Name extends QueueName>(
  queue: Name,
  job: Job,
  processor: Processor<Name>,
  control: RunControl,
): Promise<Outcome> {
  const parsed = CATALOGUE[queue].payload.safeParse(job.data)
  if (!parsed.success) throw new UnrecoverableError(toDataReason(parsed.error.issues))
  const delivery: Delivery<Name> = {
    queue,
    id: job.id ?? '',
    name: job.name,
    data: parsed.data as QueuePayload<Name>,
    attemptsMade: job.attemptsMade,
    starts: job.attemptsStarted,
    attemptsMax: job.opts.attempts ?? 1,
  }
  try {
    return await processor(delivery, control.signal)
  } catch (error) {
    if (error instanceof DeadEnd) throw new UnrecoverableError(toStorable(error.message))
    if (control.goingDown()) {
      // Not the job's fault: another worker takes it at once, and it costs no attempt.
      await job.moveToWait(control.token)
      throw new WaitingError()
    }
    throw toStorableError(error)
  }
}

function toDataReason(issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[]): string {
  const details = issues.map(({ path, message }) => (path.length > 0 ? `${path.join('.')}: ${message}` : message))
  return toStorable(`Not a queue job of ours, nothing was done: ${details.join('; ')}`)
}

function toStorableError(error: unknown): Error {
  const storable = new Error(toStorable(error instanceof Error ? error.message : String(error)))
  // A stack names our files and machine; the board is no place for it, and the log has it.
  storable.stack = storable.message
  return storable
}
