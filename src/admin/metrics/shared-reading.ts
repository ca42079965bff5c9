import { setTimeout as pause } from 'node:timers/promises'

export interface ReadingTerms {
  /** A reading is shown for so long, in milliseconds. */
  readonly freshMs: number
  /** A new one is not begun before so many times its predecessor's duration: reading never takes more than a share of time. */
  readonly restTimes?: number
  /** Whoever asks waits for so long, in milliseconds. */
  readonly patienceMs: number
}

/**
 * Reads at most one at a time, for all who ask meanwhile, and shows the same for a while.
 * @returns asks: the newest reading; while a slow one is under way the one before; null where there is none, or where
 *   reading failed
 */
export function sharedReading<T>(read: () => Promise<T>, terms: ReadingTerms): () => Promise<T | null> {
  let last: T | null = null
  let freshUntil = 0
  let running: Promise<T | null> | null = null
  const begin = async (): Promise<T | null> => {
    const startedAt = performance.now()
    try {
      last = await read()
    } catch {
      last = null
    }
    const now = performance.now()
    freshUntil = now + Math.max(terms.freshMs, (now - startedAt) * (terms.restTimes ?? 0))
    running = null
    return last
  }
  return async () => {
    if (performance.now() < freshUntil) return last
    running ??= begin()
    const late = new AbortController()
    const patience = pause(terms.patienceMs, undefined, { signal: late.signal, ref: false }).then(
      () => last,
      () => last,
    )
    const seen = await Promise.race([running, patience])
    late.abort()
    return seen
  }
}
