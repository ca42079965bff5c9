import { ProviderError } from '../src/agents/llm-provider.ts'
import { isTransient } from '../src/database/retry.ts'
import type { StageWork } from '../src/database/stage-work.ts'
import { UnavailableError } from '../src/foundation/errors.ts'
import { failpoint } from '../src/foundation/failpoint.ts'
import { newId } from '../src/foundation/ids.ts'
import { DeadlineError } from '../src/foundation/thread-pool.ts'
import type { Delivery as PlannedDelivery } from '../src/ledger/calls.ts'
import type { Failure, FailureCode } from '../src/ledger/facts.ts'
import type { ClaimVerdict, StageOf } from '../src/managers/token-based-billing.manager.ts'
import { underClaim, WorkStopped } from '../src/pipeline/claimed-work.ts'
import type { StageServices } from '../src/pipeline/stage-services.ts'
import { isReady, isShortCount } from '../src/pipeline/stage-text.ts'
import { formatAmount, type Nano } from '../src/pricing/money.ts'
import { type PipelineQueueName, queueOfStage } from '../src/queues/catalogue.ts'
import { DeadEnd, type Delivery, type Outcome, type Processor } from '../src/queues/delivery.ts'
import { absorbLate, letGo, letGoSpent } from './absorbed-work.ts'
import { nothingSpent, type StageContext } from './stage-context.ts'

/** A count that takes longer than this was not short. */
const SHORT_MS = 1_000
/** How long a stage waits for our own database before it is tried again, in milliseconds. */
const OUTAGE_PAUSE_MS = 2_000

/** How a settled stage is told: charged with what follows, or ended without a charge of its own. */
export type Settled =
  | { kind: 'charged'; tokens: number; charged: Nano; currency: string; next: PlannedDelivery | null }
  | { kind: 'ended' }
  | { kind: 'failed'; failure: Failure }

/** A stage as data: the slow part, without a transaction; the one transaction; both safe to run again. */
interface StageSteps<Measured> {
  readonly measure: (context: StageContext, signal: AbortSignal) => Promise<Measured>
  readonly settle: (context: StageContext, measured: Measured) => Promise<Settled>
}

/**
 * Makes a stage's processor: claim, measure, settle, enqueue what is due. It may run any number of times, at once or
 * again: the claim saves work, the stage's row decides the charge, the jobs table says who pays and for what.
 *
 * A short text is counted in a fraction of the time that a claim takes. Who is the first to begin such a stage counts
 * before it claims, so that claim and charge travel together; if two do so at once, the row answers the second.
 */
export function defineProcessor<Name extends PipelineQueueName, Measured>(
  queue: Name,
  steps: StageSteps<Measured>,
): (services: StageServices) => Processor<Name> {
  return (services) => async (delivery, signal) => {
    const found = await unlessOut(() => stageOf(queue, delivery, services))
    if (found === null) return later()
    const counted = await countShort(steps, found, delivery, services, signal)
    if (counted) return settleCounted(steps, counted, delivery, signal)
    const begun = await unlessOut(() => begin(found, services))
    if (begun === null) return later()
    if ('verdict' in begun) return withoutClaim(services, begun)
    const context: StageContext = { ...begun, services, spent: nothingSpent() }
    try {
      failpoint('claim.after')
      const measured = await underClaim(
        {
          billing: services.billing,
          claim: context.claim,
          keepEveryMs: services.keepClaimMs,
          timeoutMs: services.stageTimeoutMs,
          signal,
        },
        (workSignal) => steps.measure(context, workSignal),
      )
      return finish(services, await steps.settle(context, measured))
    } catch (error) {
      return afterFailure(context, delivery, signal, error).finally(() => void absorbLate(context))
    }
  }
}

interface Found {
  readonly of: StageOf
  readonly known: StageWork | null
}

interface Counted<Measured> {
  readonly context: StageContext
  readonly measured: Measured
}

/**
 * Measures a stage that only counts a short text and that nobody has begun. A queue job that was begun before may have
 * killed its worker: its starts are counted by claims, so that it claims first.
 * @returns null where this does not hold, or where counting fails or takes long, which agents' own bounds may: it is done
 *   again under a claim, and ends there
 */
async function countShort<Measured>(
  { measure }: StageSteps<Measured>,
  { of, known }: Found,
  { starts }: Delivery<PipelineQueueName>,
  services: StageServices,
  signal: AbortSignal,
): Promise<Counted<Measured> | null> {
  if (!known?.untouched || starts > 1 || !isShortCount(known, of.stage)) return null
  const claim = { ...of, claimId: newId() }
  const context: StageContext = { of, claim, job: known, services, spent: nothingSpent() }
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, SHORT_MS, null)
  })
  try {
    const measured = await Promise.race([measure(context, signal), late])
    return measured === null ? null : { context, measured }
  } catch {
    return null
  } finally {
    clearTimeout(timer)
  }
}

/** Asks for claim and charge in one breath: they are decided one after the other, in one transaction. */
async function settleCounted<Measured>(
  steps: StageSteps<Measured>,
  { context, measured }: Counted<Measured>,
  delivery: Delivery<PipelineQueueName>,
  signal: AbortSignal,
): Promise<Outcome> {
  const { of, claim, services } = context
  try {
    failpoint('claim.before')
    const claiming = services.billing.claim(of, claim.claimId)
    const [{ verdict }, settled] = await Promise.all([claiming, steps.settle(context, measured)])
    if (settled.kind !== 'charged' && verdict.kind !== 'granted') return await withoutClaim(services, { of, verdict })
    return await finish(services, settled)
  } catch (error) {
    return afterFailure(context, delivery, signal, error)
  }
}

/** Null while our own database does not answer. */
async function unlessOut<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof UnavailableError || isTransient(error)) return null
    throw error
  }
}

interface NotGranted {
  readonly of: StageOf
  readonly verdict: Exclude<ClaimVerdict, { kind: 'granted' }>
}

/** Claims and reads. */
async function begin(
  { of, known }: Found,
  services: StageServices,
): Promise<Pick<StageContext, 'of' | 'claim' | 'job'> | NotGranted> {
  failpoint('claim.before')
  const [{ claim, verdict }, early] = await Promise.all([services.billing.claim(of), known ?? readWork(of, services)])
  if (verdict.kind !== 'granted') return { of, verdict }
  // A queue job may come before the stages that its own stands on are settled; once it has the claim, they are.
  const job = isReady(early, of.stage) ? early : await readWork(of, services)
  return { of, claim, job }
}

/** Our own database that does not answer is not the job's fault: it costs no attempt and fails nobody. */
function later(): Outcome {
  return { kind: 'later', untilMs: Date.now() + OUTAGE_PAUSE_MS }
}

/** @throws DeadEnd for a queue job that points at nothing of ours */
async function stageOf(
  queue: PipelineQueueName,
  { data: { jobId, stage } }: Delivery<PipelineQueueName>,
  services: StageServices,
): Promise<Found> {
  if (queueOfStage(stage) !== queue) throw new DeadEnd(`Stage ${stage} does not belong into ${queue}; nothing was done`)
  const inHand = services.inHand.take(jobId, stage)
  if (inHand) return { of: { organizationId: inHand.organizationId, jobId, stage }, known: inHand }
  const owner = services.work.ownerOf(jobId)
  if (owner !== undefined) return { of: { organizationId: owner, jobId, stage }, known: null }
  const known = await readWork({ jobId, stage }, services)
  return { of: { organizationId: known.organizationId, jobId, stage }, known }
}

async function readWork(
  { jobId, stage }: Omit<StageOf, 'organizationId'>,
  { work }: StageServices,
): Promise<StageWork> {
  const job = await work.read({ jobId, stage })
  if (!job) throw unknownStage({ jobId, stage })
  return job
}

function unknownStage({ jobId, stage }: Omit<StageOf, 'organizationId'>): DeadEnd {
  return new DeadEnd(`There is no job ${jobId} with a stage ${stage}; nothing was done`)
}

async function withoutClaim(services: StageServices, { of, verdict }: NotGranted): Promise<Outcome> {
  if (verdict.kind === 'settled') return finish(services, { ...verdict, kind: 'charged' })
  if (verdict.kind === 'busy') return { kind: 'later', untilMs: Date.now() + (verdict.until - verdict.now) }
  if (verdict.state === 'unknown') throw unknownStage(of)
  if (verdict.failure) throw new DeadEnd(sentence(verdict.failure))
  return { kind: 'ended' }
}

async function finish({ outbox }: StageServices, settled: Settled): Promise<Outcome> {
  if (settled.kind === 'failed') throw new DeadEnd(sentence(settled.failure))
  if (settled.kind === 'ended') return settled
  failpoint('settle.after')
  await outbox.push([settled.next])
  failpoint('enqueue.after')
  const { tokens, charged, currency } = settled
  const label = `${tokens.toLocaleString('en-US')} tokens · charged ${formatAmount(charged)} ${currency}`
  return { kind: 'charged', label }
}

/** The last attempt fails the job, and the customer pays nothing; an earlier one lets the queue try again. */
async function afterFailure(
  context: StageContext,
  { attemptsMade, attemptsMax }: Delivery<PipelineQueueName>,
  signal: AbortSignal,
  error: unknown,
): Promise<Outcome> {
  const { claim, services } = context
  if (error instanceof DeadEnd) {
    await letGoSpent(context)
    throw error
  }
  if (error instanceof WorkStopped) {
    await letGo(context)
    return { kind: 'ended' }
  }
  const { jobId, stage } = claim
  services.logger.warn({ jobId, stage, attempt: attemptsMade + 1, err: error }, 'a stage did not come to its end')
  if (error instanceof UnavailableError) {
    await letGo(context).catch(() => undefined)
    return later()
  }
  const taken = signal.aborted && error === signal.reason
  const hopeless = error instanceof ProviderError && !error.retryable
  if (taken || (!hopeless && attemptsMade + 1 < attemptsMax)) {
    await letGo(context)
    throw error
  }
  const failure = toFailure(claim.stage, error)
  const verdict = await services.billing.fail(claim, claim.claimId, failure)
  await letGoSpent(context)
  if (verdict.kind === 'failed') throw new DeadEnd(sentence(failure))
  return { kind: 'ended' }
}

function toFailure(stage: string, error: unknown): Failure {
  const detail = (error instanceof Error ? error.message : String(error)).slice(0, 500)
  return { code: codeOf(error), stage, detail: detail.replaceAll('\0', '').toWellFormed() }
}

function codeOf(error: unknown): FailureCode {
  if (error instanceof DeadlineError) return 'stage-deadline'
  return error instanceof ProviderError ? 'provider-error' : 'agent-error'
}

export function sentence(failure: Failure): string {
  return `${failure.code} at ${failure.stage}: ${failure.detail}`
}
