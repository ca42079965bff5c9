import { UnavailableError } from '../foundation/errors.ts'
import type { Logger } from '../foundation/logger.ts'

/** A call to the queue that takes longer has met an outage: a submit must answer although the queue is down. */
export const QUEUE_TIMEOUT_MS = 3_000

/**
 * Runs one piece of work against the queue, for at most `timeoutMs`.
 * @throws UnavailableError when the queue refuses or does not answer in time; the work may still happen later, which is
 *         harmless because every id is ours
 */
export async function withinTimeout<T>(what: string, work: () => Promise<T>, timeoutMs = QUEUE_TIMEOUT_MS): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
  try {
    return await Promise.race([work(), late])
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new UnavailableError(`The queue cannot ${what} now (${reason}); it is tried again by itself`, { cause })
  } finally {
    clearTimeout(timer)
  }
}

/** The same complaint of one source is logged once in this time: a dead server is reported hundreds of times a second. */
const LOG_EVERY_MS = 5_000

/** A queue job that was removed, or taken over, while it ran: it was a hint, and whoever removed it knew more. */
const GONE = /^Missing (key|lock) for job/

/** A listener for 'error' events: an outage is logged, never thrown, since an unheard 'error' event ends the process. */
export function outageLog(logger: Logger, source: string): (error: Error) => void {
  const seen = new Map<string, number>()
  return (error) => {
    if (GONE.test(error.message)) {
      logger.debug({ source, reason: error.message }, 'a queue job was gone before its run ended')
      return
    }
    const now = Date.now()
    const last = seen.get(error.message)
    if (last !== undefined && now - last < LOG_EVERY_MS) return
    if (seen.size >= 100) seen.clear()
    seen.set(error.message, now)
    logger.warn({ source, reason: error.message }, 'queue connection in trouble; it reconnects by itself')
  }
}
