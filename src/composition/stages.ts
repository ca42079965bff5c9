import type { BoundLimits } from '../agents/agent.ts'
import { createAgentRegistry, loadAgentsModule } from '../agents/agent-registry.ts'
import { builtInAgents } from '../agents/built-in-agents.ts'
import { noteLimit } from '../agents/cut-to-tokens.ts'
import { promptBound } from '../agents/metered-llm.ts'
import { openProvider } from '../agents/open-provider.ts'
import { createCountingPool } from '../monitors/counting-pool.ts'
import { InputTokenMonitor } from '../monitors/input-token.monitor.ts'
import { LLMTokenMonitor } from '../monitors/llm-token.monitor.ts'
import { OutputTokenMonitor } from '../monitors/output-token.monitor.ts'
import { o200kBase } from '../tokenizer/o200k-base.ts'
import type { ComposeOptions } from './options.ts'

export type Measuring = ReturnType<typeof openMeasuring>

/** The three meters, on one pool of threads. */
export function openMeasuring(opened: AsyncDisposableStack) {
  const pool = createCountingPool()
  opened.defer(() => pool.close())
  return {
    inputMonitor: new InputTokenMonitor(o200kBase, pool),
    llmMonitor: new LLMTokenMonitor(o200kBase, pool),
    outputMonitor: new OutputTokenMonitor(o200kBase, pool),
  }
}

export type Stages = Awaited<ReturnType<typeof openStages>>

/** What the stages of a job work with: the model, the agents, and what bounds them. */
export async function openStages(options: ComposeOptions, measuring: Measuring, opened: AsyncDisposableStack) {
  const { config, agents: own = [], offlineFaults } = options
  const provider = openProvider(config.llm, offlineFaults, opened)
  const loaded = config.agentsModule === undefined ? [] : await loadAgentsModule(config.agentsModule)
  const limits: BoundLimits = {
    model: provider.model,
    maxOutputTokens: config.maxOutputTokens,
    countPrompt: promptBound(provider, measuring.inputMonitor),
  }
  const { served, withheld } = builtInAgents(config.llm.provider === 'offline')
  const agents = createAgentRegistry([...served, ...loaded, ...own], withheld)
  const notes = noteLimit(provider, o200kBase, config.maxOutputTokens)
  return { ...measuring, provider, agents, limits, notes }
}
