import type { Agent } from '../../src/agents/agent.ts'
import { createMeteredLlm, promptBound } from '../../src/agents/metered-llm.ts'
import { createOfflinePool, createOfflineProvider } from '../../src/agents/offline-provider.ts'
import { createCountingPool } from '../../src/monitors/counting-pool.ts'
import { InputTokenMonitor } from '../../src/monitors/input-token.monitor.ts'
import { LLMTokenMonitor } from '../../src/monitors/llm-token.monitor.ts'
import type { LlmUsage } from '../../src/pricing/usage.ts'
import { o200kBase } from '../../src/tokenizer/o200k-base.ts'

const DEADLINE_MS = 20_000

/** Runs agents as a worker does: bounded, metered, with the offline model in its threads. */
export function agentRunner(threads = 1) {
  const offlinePool = createOfflinePool(threads)
  const countingPool = createCountingPool(1)
  const provider = createOfflineProvider(offlinePool)
  const monitor = new LLMTokenMonitor(o200kBase, countingPool)
  const countPrompt = promptBound(provider, new InputTokenMonitor(o200kBase, countingPool))
  return {
    offlinePool,
    provider,
    countPrompt,
    /** @throws a TimeoutError after 20 s */
    async run(agent: Agent, text: string, maxOutputTokens = 1024): Promise<{ text: string; usage: LlmUsage[] }> {
      const signal = AbortSignal.timeout(DEADLINE_MS)
      const bounds = await agent.bounds(text, { model: provider.model, maxOutputTokens, countPrompt })
      const { calls: callsMax = 0, promptTokens: promptTokensMax = 0 } = bounds ?? {}
      const limits = { countPrompt, promptTokensMax, maxOutputTokens, callsMax }
      const metered = createMeteredLlm({ provider, monitor, ...limits, signal })
      const answer = await agent.run(text, { llm: metered.llm, signal })
      return { text: answer.text, usage: metered.usage() }
    },
    close: () => Promise.all([offlinePool.close(), countingPool.close()]),
  }
}
