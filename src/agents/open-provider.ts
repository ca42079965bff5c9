import type { LlmConfig } from '../config/config.ts'
import { ConfigurationError } from '../foundation/errors.ts'
import { invariant } from '../foundation/invariant.ts'
import type { LlmProvider } from './llm-provider.ts'
import type { OfflineFaults } from './offline-faults.ts'
import { createOfflinePool, createOfflineProvider } from './offline-provider.ts'
import { createOpenAICompatibleProvider } from './openai-compatible-provider.ts'

/**
 * The provider that LLM_PROVIDER names.
 * @param faults of the offline model; a real one has faults of its own, and cannot be told to have others
 * @param opened closes its threads at the end
 * @throws ConfigurationError for faults of another provider than the offline one, or such as cannot be meant
 */
export function openProvider(
  llm: LlmConfig,
  faults: OfflineFaults | undefined,
  opened: AsyncDisposableStack,
): LlmProvider {
  if (llm.provider === 'openai-compatible') {
    if (faults !== undefined) {
      const detail = `offlineFaults are for the offline model, and LLM_PROVIDER is ${llm.provider}`
      throw new ConfigurationError(`${detail}; leave one of them out`)
    }
    const { baseUrl, apiKey, model } = llm
    invariant(baseUrl !== undefined && apiKey !== undefined, 'the configuration asks for both')
    return createOpenAICompatibleProvider({ baseUrl, apiKey, model })
  }
  const pool = createOfflinePool()
  opened.defer(() => pool.close())
  return createOfflineProvider(pool, faults)
}
