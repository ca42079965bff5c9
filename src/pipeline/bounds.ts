import type { BoundLimits, NoteLimit } from '../agents/agent.ts'
import type { AgentRegistry } from '../agents/agent-registry.ts'
import { ValidationError } from '../foundation/errors.ts'
import type { BoundedText } from '../managers/quote.manager.ts'
import type { InputTokenMonitor } from '../monitors/input-token.monitor.ts'
import type { BoundedStage } from '../pricing/quote.ts'

/** Tokens, or bytes, around the texts of earlier agents when a later step gets them: a heading and its line breaks each. */
const HEADING_TOKENS = 48

interface BoundsOf {
  readonly text: string
  readonly steps: readonly (readonly string[])[]
  readonly inputTokens: number
  readonly agents: AgentRegistry
  readonly limits: BoundLimits
  readonly notes: NoteLimit
}

export interface Measuring extends Pick<BoundsOf, 'agents' | 'limits' | 'notes'> {
  readonly inputMonitor: InputTokenMonitor
}

/** A text as its job would be admitted: measured and bounded. @throws ValidationError `unknown-agent` */
export async function measureText(
  text: string,
  steps: BoundsOf['steps'],
  { inputMonitor, agents, limits, notes }: Measuring,
): Promise<BoundedText> {
  const { tokens: inputTokens } = await inputMonitor.measure(text)
  return { inputTokens, bounds: await boundsOf({ text, steps, inputTokens, agents, limits, notes }) }
}

/**
 * The most that each stage of a job may use: the input exactly, each agent as it says itself, the output by the limit of
 * the last step's agents. Agents of a later step also read what the step before wrote.
 * @throws ValidationError `unknown-agent`
 */
export async function boundsOf({ text, steps, inputTokens, agents, limits, notes }: BoundsOf): Promise<BoundedStage[]> {
  const bounds: BoundedStage[] = [{ stage: 'input', bound: { kind: 'input', tokens: inputTokens } }]
  let earlier = 0
  for (const step of steps) {
    // As the ledger holds them: by their names, in which order free units are promised to the agents of a step.
    for (const key of step.toSorted()) {
      const agent = agents.get(key)
      if (!agent) throw unknownAgent(key, agents)
      const own = await agent.bounds(text, limits)
      const llm = own && { ...own, promptTokens: own.promptTokens + earlier }
      bounds.push({ stage: `agent.${key}`, bound: { kind: 'agent', agent: key, llm } })
    }
    earlier = step.length * (notes.tokensMax + HEADING_TOKENS)
  }
  const last = steps.at(-1)?.length ?? 0
  bounds.push({ stage: 'output', bound: { kind: 'output', maxTokens: limits.maxOutputTokens * last } })
  return bounds
}

export function unknownAgent(key: string, agents: AgentRegistry): ValidationError {
  const known = agents.keys.join(', ')
  const remedy = agents.remedy(key)
  const said = remedy === null ? `There is no agent "${key}"` : `There is no agent "${key}" here. ${remedy}`
  return ValidationError.of('/agents', 'unknown-agent', `${said}; known agents are ${known}`)
}
