import { createMeteredLlm } from '../src/agents/metered-llm.ts'
import { failpoint } from '../src/foundation/failpoint.ts'
import { invariant } from '../src/foundation/invariant.ts'
import { WorkStopped } from '../src/pipeline/claimed-work.ts'
import { agentText } from '../src/pipeline/stage-text.ts'
import type { StageUsage } from '../src/pricing/usage.ts'
import { DeadEnd } from '../src/queues/delivery.ts'
import { absorbed, defineProcessor, type Settled, type StageContext, sentence } from './define-processor.ts'
import { showParked } from './parked-card.ts'

/** Charges one agent's work. Safe to run twice: the stage's key decides, not the attempt. */
export const agentProcessor = defineProcessor('pipeline.agent', {
  async measure(context, signal) {
    const { of, job, services, spent } = context
    const { agents, provider, llmMonitor, tokenizer, limits } = services
    const { bound } = job
    invariant(bound?.kind === 'agent', `stage ${of.stage} was bounded at its admission`)
    const agent = agents.get(bound.agent)
    if (!agent) throw new Error(`This worker has no agent "${bound.agent}"; give every worker the same AGENTS_MODULE`)
    const holding = holdMore(context)
    const metered = createMeteredLlm({
      provider,
      monitor: llmMonitor,
      countPrompt: limits.countPrompt,
      promptTokensMax: bound.llm?.promptTokens ?? 0,
      maxOutputTokens: bound.llm?.maxOutputTokens ?? 0,
      callsMax: bound.llm?.calls ?? 0,
      ...(bound.llm && { extend: holding.extend }),
      signal,
    })
    const usage = (): StageUsage => ({ kind: 'agent', agent: bound.agent, llm: metered.usage() })
    spent.usage = () => (metered.usage().length > 0 ? usage() : null)
    const text = agentText(job, of.stage, tokenizer, limits.maxOutputTokens)
    failpoint('agent.before-model')
    const result = await agent.run(text, { llm: metered.llm, signal })
    failpoint('agent.after-model')
    holding.throwIfRefused()
    invariant(typeof result?.text === 'string', `agent ${bound.agent} answers { text }`)
    return { usage: usage(), text: result.text.replaceAll('\0', '').toWellFormed() }
  },
  settle: (context, { usage, text }) => settleStage(context, usage, text),
})

/** Asks the hold for more calls. A refusal ends the work, even of an agent that catches it and goes on. */
function holdMore({ of, claim, services }: StageContext) {
  let refusal: Error | undefined
  return {
    async extend(call: number): Promise<void> {
      const verdict = await services.billing.extend(claim, call)
      if (verdict.kind === 'granted') return
      if (verdict.kind === 'refused') await showParked(services, of, verdict.parked)
      refusal =
        verdict.kind === 'failed'
          ? new DeadEnd(sentence(verdict.failure))
          : new WorkStopped(`model call ${call} is not held for`)
      throw refusal
    },
    throwIfRefused(): void {
      if (refusal) throw refusal
    },
  }
}

/** One settle of a stage, told as every stage tells it. */
export async function settleStage(
  { of, job, services }: StageContext,
  usage: StageUsage,
  text: string,
): Promise<Settled> {
  const verdict = await services.billing.settle(of, usage, text)
  if (verdict.kind === 'absorbed') {
    absorbed(services, of, verdict.cost)
    return { kind: 'ended' }
  }
  if (verdict.replayed) absorbed(services, of, verdict.absorbed)
  else services.inHand.settled(of.jobId, of.stage, job, text)
  await showParked(services, of, verdict.parked)
  return { ...verdict, kind: 'charged' }
}
