import { setTimeout as sleep } from 'node:timers/promises'

/**
 * What a failed transaction says about another try. `contention`: others were in the way, it was rolled back.
 * `unavailable`: the database did not answer, for nobody; a COMMIT may have been lost on the way. `call`: what was asked
 * cannot be done, now or later.
 */
type Fault = 'contention' | 'unavailable' | 'call'

/** Serialization failure, deadlock, lock timeout. */
const CONTENTION = new Set(['40001', '40P01', '55P03'])
/**
 * Connection exceptions, resources used up, shut down or starting up, not let in, and input or output errors: classes of
 * SQLSTATE whose cause no single call is. 25006 is a standby that was taken for the primary, 25P03 a session that was
 * ended because we were silent for too long, 3D000 a database that is gone.
 */
const UNAVAILABLE = /^(08...|53...|57P..|28...|58...|25006|25P03|3D000)$/
const NO_ROUTE = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
])
/** What `pg` says of a connection that is gone, has none of these codes. */
const LOST =
  /Connection (terminated|ended)|connection timeout|trying to connect|not queryable|Query read timeout|^timeout expired/i
const ATTEMPTS_MAX = 5

/** The SQLSTATE or socket error of whatever was thrown, through wrappers. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const { code } = error as { code?: unknown }
  if (typeof code === 'string') return code
  return error.cause === undefined ? undefined : errorCode(error.cause)
}

export function faultOf(error: unknown): Fault {
  if (error instanceof OutdatedFacts) return 'contention'
  const code = errorCode(error)
  if (code !== undefined) {
    if (CONTENTION.has(code)) return 'contention'
    return UNAVAILABLE.test(code) || NO_ROUTE.has(code) ? 'unavailable' : 'call'
  }
  return error instanceof Error && LOST.test(error.message) ? 'unavailable' : 'call'
}

/** The connection was lost after COMMIT was sent: what was asked may have been stored. Its fault is that of its cause. */
export class UnansweredCommit extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause })
  }
}

/** Whether a COMMIT may have been done: not where PostgreSQL refused; out of memory or disk, it says so as of any statement. */
export function mayBeStored(error: unknown): boolean {
  return faultOf(error) === 'unavailable' && (error as { severity?: string }).severity !== 'ERROR'
}

/** The transaction was decided on rows that are not the present ones. Nothing was stored; run again, it reads them. */
export class OutdatedFacts extends Error {
  constructor(cause: unknown) {
    super('Decided on rows that have changed since', { cause })
  }
}

/** Whether the same transaction may succeed when it is tried again. */
export function isTransient(error: unknown): boolean {
  return faultOf(error) !== 'call'
}

export interface RetryOptions {
  /** Waits about that many milliseconds. */
  readonly pause: (ms: number) => Promise<void>
  /** Whether this error is worth another try here; every transient one by default. */
  readonly worthATry: (error: unknown) => boolean
}

/** A pause of half to one and a half times that long, so that those who met once do not meet again. */
export async function jitteredPause(ms: number): Promise<void> {
  await sleep(ms * (0.5 + Math.random()))
}

/**
 * Runs a transaction again after a passing fault, at most five times, with growing, jittered pauses. What it runs must
 * be safe to repeat after a lost COMMIT: it looks its keys up.
 */
export async function withRetry<T>(run: () => Promise<T>, options: Partial<RetryOptions> = {}): Promise<T> {
  const { pause = jitteredPause, worthATry = isTransient } = options
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await run()
    } catch (error) {
      if (attempt >= ATTEMPTS_MAX || !isTransient(error) || !worthATry(error)) throw error
      await pause(pauseMs(error, attempt))
    }
  }
}

/** Others are done in milliseconds (20 to 160); a server that restarts needs seconds (4.25 s in all). */
function pauseMs(error: unknown, attempt: number): number {
  return faultOf(error) === 'contention' ? 10 * 2 ** attempt : 50 * 4 ** (attempt - 1)
}
