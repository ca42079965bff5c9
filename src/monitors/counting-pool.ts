import { ThreadPool, threadEntry } from '../foundation/thread-pool.ts'
import { type EncodingId, encodingIdOf } from '../tokenizer/encodings.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'

/** UTF-8 bytes up to which counting stays on the event loop: a few milliseconds at most. */
export const INLINE_BYTES_MAX = 64 * 1024
/** UTF-16 units that are no more bytes than that, whatever they say. */
export const INLINE_UNITS_MAX = Math.floor(INLINE_BYTES_MAX / 3)
/** The worst text of 1 MB takes below half a second on one core; this is for a machine that is drowning. */
const COUNT_DEADLINE_MS = 20_000

/** What a counting thread is sent. */
export interface CountingTask {
  readonly encoding: EncodingId
  readonly text: string
}

/** Threads that count with any of our encodings; one pool per process serves every monitor. */
export const createCountingPool = (size?: number): ThreadPool =>
  new ThreadPool(threadEntry(import.meta.url, './counting.thread'), size)

/**
 * Counts in line or, above 64 KB, in a thread. A tokenizer of the platform's own always counts in line: its code cannot
 * be sent to a thread.
 * @throws DeadlineError after 20 s, UnavailableError, or the signal's reason
 */
export async function countTokens(
  tokenizer: Tokenizer,
  pool: ThreadPool,
  text: string,
  signal?: AbortSignal,
): Promise<number> {
  signal?.throwIfAborted()
  const encoding = encodingIdOf(tokenizer)
  if (encoding === undefined || Buffer.byteLength(text, 'utf8') <= INLINE_BYTES_MAX) return tokenizer.count(text)
  const task: CountingTask = { encoding, text }
  return pool.run<number>(task, { signal, deadlineMs: COUNT_DEADLINE_MS })
}
