import { setTimeout as sleep } from 'node:timers/promises'

/** Serialization failure, deadlock, lock timeout: trying again is right. */
const TRANSIENT = new Set([
  '40001',
  '40P01',
  '55P03',
  '57P01',
  '57P02',
  '57P03',
  '08000',
  '08003',
  '08006',
  '53300',
  '25P03',
])
const LOST_CONNECTION = new Set(['ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'ETIMEDOUT'])
const ATTEMPTS_MAX = 5

/** The SQLSTATE or socket error of whatever was thrown, through wrappers. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const { code } = error as { code?: unknown }
  if (typeof code === 'string') return code
  return error.cause === undefined ? undefined : errorCode(error.cause)
}

export function isTransient(error: unknown): boolean {
  const code = errorCode(error)
  if (code !== undefined) return TRANSIENT.has(code) || LOST_CONNECTION.has(code)
  return error instanceof Error && /Connection terminated|connection timeout|timeout expired/i.test(error.message)
}

/**
 * Runs a transaction again after a passing fault, at most five times, with growing, jittered pauses. What it runs must
 * be safe to repeat after a lost COMMIT: it looks its keys up.
 */
export async function withRetry<T>(run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await run()
    } catch (error) {
      if (attempt >= ATTEMPTS_MAX || !isTransient(error)) throw error
      await sleep(2 ** attempt * 10 * (0.5 + Math.random()))
    }
  }
}
