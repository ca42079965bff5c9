import { createMeteredLlm } from '../src/agents/metered-llm.ts'
import { failpoint } from '../src/foundation/failpoint.ts'
import { invariant } from '../src/foundation/invariant.ts'
import { agentText } from '../src/pipeline/stage-text.ts'
import type { StageBound, StageUsage } from '../src/pricing/usage.ts'
import { defineProcessor, type Settled, type StageContext } from './define-processor.ts'

/** Charges one agent's work. Safe to run twice: the stage's key decides, not the attempt. */
export const agentProcessor = defineProcessor('pipeline.agent', {
  async measure({ of, job, services }, signal) {
    const { agents, provider, llmMonitor, tokenizer, limits } = services
    const bound = job.stages.find((row) => row.stage === of.stage)?.bound as StageBound | null | undefined
    invariant(bound?.kind === 'agent', `stage ${of.stage} was bounded at its admission`)
    const agent = agents.get(bound.agent)
    if (!agent) throw new Error(`This worker has no agent "${bound.agent}"; give every worker the same AGENTS_MODULE`)
    const metered = createMeteredLlm({
      provider,
      monitor: llmMonitor,
      maxOutputTokens: bound.llm?.maxOutputTokens ?? 0,
      callsMax: bound.llm?.calls ?? 0,
      signal,
    })
    const text = agentText(job, of.stage, tokenizer, limits.maxOutputTokens)
    failpoint('agent.before-model')
    const result = await agent.run(text, { llm: metered.llm, signal })
    failpoint('agent.after-model')
    invariant(typeof result?.text === 'string', `agent ${bound.agent} answers { text }`)
    const usage: StageUsage = { kind: 'agent', agent: bound.agent, llm: metered.usage() }
    return { usage, text: result.text.replaceAll('\0', '').toWellFormed() }
  },
  settle: ({ of, services }, { usage, text }) => settleStage(of, services, usage, text),
})

/** One settle of a stage, told as every stage tells it. */
export async function settleStage(
  of: StageContext['of'],
  { billing }: StageContext['services'],
  usage: StageUsage,
  text: string,
): Promise<Settled> {
  const verdict = await billing.settle(of, usage, text)
  return verdict.kind === 'settled' ? { ...verdict, kind: 'charged' } : { kind: 'ended' }
}
