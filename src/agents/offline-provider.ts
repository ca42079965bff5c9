import { ThreadPool, threadEntry } from '../foundation/thread-pool.ts'
import type { LlmProvider } from './llm-provider.ts'
import type { OfflineRequest } from './offline-answer.ts'
import { type OfflineFaults, withFaults } from './offline-faults.ts'

/** Threads for the offline provider; one pool per process. */
export const createOfflinePool = (size?: number): ThreadPool =>
  new ThreadPool(threadEntry(import.meta.url, './offline.thread'), size)

/**
 * The default model: no network, no key, real text work on English (other languages get plainer results). It writes
 * summaries and extracts and finds the sentences that answer a question; it understands nothing. Everything runs in
 * threads, small texts too: loading the language model would stop the event loop for 0.1 s, and what it learns of a text
 * should not outlive the thread.
 * @param faults what goes wrong on purpose; default nothing
 * @throws ConfigurationError for faults that cannot be meant
 */
export function createOfflineProvider(pool: ThreadPool, faults: OfflineFaults = []): LlmProvider {
  const sound: LlmProvider = {
    model: 'offline',
    usageShape: 'tollkeeper',
    usesCanonicalTokenizer: true,
    generate: ({ system, messages, maxOutputTokens, signal }) =>
      pool.run({ system, messages, maxOutputTokens } satisfies OfflineRequest, { signal }),
  }
  return faults.length === 0 && typeof faults !== 'function' ? sound : withFaults(sound, faults)
}
