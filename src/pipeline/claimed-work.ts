import { DeadlineError } from '../foundation/thread-pool.ts'
import type { Claim, TokenBasedBillingManager } from '../managers/token-based-billing.manager.ts'

/** The work is for nothing: its job was cancelled or parked, or another worker took it over. */
export class WorkStopped extends Error {
  override readonly name = 'WorkStopped'
}

interface ClaimedWork {
  readonly billing: TokenBasedBillingManager
  readonly claim: Claim
  readonly keepEveryMs: number
  readonly timeoutMs: number
  /** Stops, too, when the queue takes the job away or this process goes down. */
  readonly signal: AbortSignal
}

/**
 * Runs slow work under a claim: extends the claim while it runs, stops it when the answer is *stop*, and ends it at the
 * stage's deadline, whether it listens to its signal or not.
 * @throws WorkStopped, DeadlineError, or whatever the work throws
 */
export async function underClaim<T>(
  { billing, claim, keepEveryMs, timeoutMs, signal }: ClaimedWork,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const over = new AbortController()
  const stopped = Promise.withResolvers<never>()
  const stop = (reason: unknown): void => {
    stopped.reject(reason)
    over.abort(reason)
  }
  const onAbort = (): void => stop(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  const deadline = setTimeout(() => stop(new DeadlineError(timeoutMs)), timeoutMs)
  const keeping = keepClaim(billing, claim, keepEveryMs, stop)
  stopped.promise.catch(() => undefined)
  try {
    if (signal.aborted) throw signal.reason
    return await Promise.race([work(over.signal), stopped.promise])
  } catch (error) {
    over.abort(error) // whatever it has begun beside what failed is for nothing, too
    throw error
  } finally {
    keeping.end()
    clearTimeout(deadline)
    signal.removeEventListener('abort', onAbort)
  }
}

/**
 * A claim that cannot be extended for a moment is not lost yet: the database's clock decides, at the next try. A plain
 * timer, since most work ends before it is due: a sleep that is aborted makes an error with a stack each time.
 */
function keepClaim(
  billing: TokenBasedBillingManager,
  claim: Claim,
  everyMs: number,
  stop: (reason: unknown) => void,
): { end(): void } {
  let ended = false
  let timer = setTimeout(keep, everyMs)
  async function keep(): Promise<void> {
    const answer = await billing.keep(claim).catch(() => 'go_on' as const)
    if (ended) return
    if (answer === 'stop') stop(new WorkStopped('the job needs this work no more'))
    else timer = setTimeout(keep, everyMs)
  }
  return {
    end: () => {
      ended = true
      clearTimeout(timer)
    },
  }
}
