import { ProviderError } from '../src/agents/llm-provider.ts'
import { failpoint } from '../src/foundation/failpoint.ts'
import { DeadlineError } from '../src/foundation/thread-pool.ts'
import type { Delivery as PlannedDelivery } from '../src/ledger/calls.ts'
import type { Failure, FailureCode } from '../src/ledger/facts.ts'
import type { JobWork } from '../src/managers/job.manager.ts'
import type { Claim, ClaimVerdict, StageOf } from '../src/managers/token-based-billing.manager.ts'
import { underClaim, WorkStopped } from '../src/pipeline/claimed-work.ts'
import type { StageServices } from '../src/pipeline/stage-services.ts'
import { formatAmount, type Nano } from '../src/pricing/money.ts'
import { type PipelineQueueName, queueOfStage } from '../src/queues/catalogue.ts'
import { DeadEnd, type Delivery, type Outcome, type Processor } from '../src/queues/delivery.ts'

/** What a stage's steps are given: the job, its stage, and everything to work with. */
export interface StageContext {
  readonly of: StageOf
  readonly job: JobWork
  readonly services: StageServices
}

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
 */
export function defineProcessor<Name extends PipelineQueueName, Measured>(
  queue: Name,
  steps: StageSteps<Measured>,
): (services: StageServices) => Processor<Name> {
  return (services) => async (delivery, signal) => {
    const context = await contextOf(queue, delivery, services)
    failpoint('claim.before')
    const { claim, verdict } = await services.billing.claim(context.of)
    if (verdict.kind !== 'granted') return withoutClaim(services, verdict)
    try {
      failpoint('claim.after')
      const measured = await underClaim(
        {
          billing: services.billing,
          claim,
          keepEveryMs: services.keepClaimMs,
          timeoutMs: services.stageTimeoutMs,
          signal,
        },
        (workSignal) => steps.measure(context, workSignal),
      )
      return finish(services, await steps.settle(context, measured))
    } catch (error) {
      return afterFailure(services, claim, delivery, signal, error)
    }
  }
}

/** @throws DeadEnd for a queue job that points at nothing of ours */
async function contextOf(
  queue: PipelineQueueName,
  { data: { jobId, stage } }: Delivery<PipelineQueueName>,
  services: StageServices,
): Promise<StageContext> {
  if (queueOfStage(stage) !== queue) throw new DeadEnd(`Stage ${stage} does not belong into ${queue}; nothing was done`)
  const job = await services.jobs.work(services.em(), jobId)
  if (!job?.stages.some((row) => row.stage === stage)) {
    throw new DeadEnd(`There is no job ${jobId} with a stage ${stage}; nothing was done`)
  }
  return { of: { organizationId: job.organizationId, jobId, stage }, job, services }
}

async function withoutClaim(
  services: StageServices,
  verdict: Exclude<ClaimVerdict, { kind: 'granted' }>,
): Promise<Outcome> {
  if (verdict.kind === 'settled') return finish(services, { ...verdict, kind: 'charged' })
  if (verdict.kind === 'busy') return { kind: 'later', untilMs: Date.now() + (verdict.until - verdict.now) }
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
  { billing, logger }: StageServices,
  claim: Claim,
  { attemptsMade, attemptsMax }: Delivery<PipelineQueueName>,
  signal: AbortSignal,
  error: unknown,
): Promise<Outcome> {
  if (error instanceof DeadEnd) throw error
  if (error instanceof WorkStopped) return { kind: 'ended' }
  const { jobId, stage } = claim
  logger.warn({ jobId, stage, attempt: attemptsMade + 1, err: error }, 'a stage did not come to its end')
  const taken = signal.aborted && error === signal.reason
  const hopeless = error instanceof ProviderError && !error.retryable
  if (taken || (!hopeless && attemptsMade + 1 < attemptsMax)) {
    await billing.letGo(claim)
    throw error
  }
  const failure = toFailure(claim.stage, error)
  const verdict = await billing.fail(claim, claim.claimId, failure)
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

function sentence(failure: Failure): string {
  return `${failure.code} at ${failure.stage}: ${failure.detail}`
}
