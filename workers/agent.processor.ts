import { setTimeout as sleep } from 'node:timers/promises'
import { createMeteredLlm } from '../src/agents/metered-llm.ts'
import { failpoint } from '../src/foundation/failpoint.ts'
import { invariant } from '../src/foundation/invariant.ts'
import { WorkStopped } from '../src/pipeline/claimed-work.ts'
import { packUsage } from '../src/pipeline/kept-texts.ts'
import { agentText, storedTexts } from '../src/pipeline/stage-text.ts'
import { type LlmUsage, type StageUsage, withoutTexts } from '../src/pricing/usage.ts'
import { DeadEnd } from '../src/queues/delivery.ts'
import { absorbed } from './absorbed-work.ts'
import { defineProcessor, type Settled, sentence } from './define-processor.ts'
import { showParked } from './parked-card.ts'
import type { StageContext } from './stage-context.ts'

/** How long a stopped run waits for its calls to break off; what a deaf provider answers behind that is told apart. */
const CALLS_END_MS = 1_000

/** Charges one agent's work. Safe to run twice: the stage's key decides, not the attempt. */
export const agentProcessor = defineProcessor('pipeline.agent', {
  async measure(context, signal) {
    const { of, job, services, spent } = context
    const { agents, provider, llmMonitor, limits, notes } = services
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
      goOn: holding.goOn,
      signal,
    })
    const usageOf = (llm: readonly LlmUsage[]): StageUsage => ({ kind: 'agent', agent: bound.agent, llm })
    const unlessNone = (llm: readonly LlmUsage[]): StageUsage | null => (llm.length > 0 ? usageOf(llm) : null)
    const taken = new Set<LlmUsage>()
    spent.take = async () => {
      await Promise.race([metered.ended(), sleep(CALLS_END_MS, undefined, { ref: false })])
      const fresh = [...metered.usage(), ...metered.lost()].filter((call) => !taken.has(call))
      const kept = (): void => {
        for (const call of fresh) taken.add(call)
      }
      const usage = unlessNone(fresh)
      return { usage: usage && withoutTexts(usage), kept }
    }
    spent.ended = metered.ended
    const text = agentText(job, of.stage, notes)
    failpoint('agent.before-model')
    const result = await agent.run(text, { llm: metered.llm, signal }).catch((error: unknown) => {
      // An agent may say it in words of its own.
      holding.throwIfRefused()
      throw error
    })
    failpoint('agent.after-model')
    // What an agent asked for and did not wait for is paid for like the rest.
    await metered.ended()
    holding.throwIfRefused()
    invariant(typeof result?.text === 'string', `agent ${bound.agent} answers { text }`)
    const written = result.text.replaceAll('\0', '').toWellFormed()
    const usage = packUsage(usageOf(metered.usage()), storedTexts(job, of.stage, written))
    const lost = unlessNone(metered.lost())
    return { usage, text: written, lost: lost && withoutTexts(lost) }
  },
  settle: (context, { usage, text, lost }) => settleStage(context, usage, text, lost),
})

/** Asks before a model is called once more. A refusal ends the work, even of an agent that catches it and goes on. */
function holdMore({ of, claim, services }: StageContext) {
  let refusal: Error | undefined
  return {
    /** A sibling may have been refused money meanwhile: nobody starts another call for a job that stops. */
    async goOn(): Promise<void> {
      const answer = await services.billing.keep(claim).catch(() => 'go_on' as const)
      if (answer === 'go_on') return
      refusal = new WorkStopped('the job needs this work no more')
      throw refusal
    },
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
  lost: StageUsage | null = null,
): Promise<Settled> {
  const verdict = await services.billing.settle(of, usage, text, lost)
  if (verdict.kind === 'absorbed') {
    absorbed(services, of, verdict.cost)
    return { kind: 'ended' }
  }
  if (verdict.replayed) absorbed(services, of, verdict.absorbed)
  else services.inHand.settled(of.jobId, of.stage, job, text)
  await showParked(services, of, verdict.parked)
  return { ...verdict, kind: 'charged' }
}
