import { randomBytes } from 'node:crypto'
import type { Agent } from '../../src/agents/agent.ts'
import type { Delivery } from '../../src/ledger/calls.ts'
import type { JobOf } from '../../src/managers/token-based-billing.manager.ts'
import { component } from '../world.ts'

/** How a job's stages stand: one after another, or two agents at once behind which the output waits. */
export interface Shape {
  readonly name: 'pipeline' | 'flow'
  readonly what: string
  readonly agents: readonly string[]
}

export const CHAIN: Shape = { name: 'pipeline', what: 'a chain of three stages', agents: ['repeater'] }
export const FLOW: Shape = { name: 'flow', what: 'a flow with two agents', agents: ['repeater', 'second'] }

const repeating = (key: string): Agent => ({ key, bounds: () => null, run: async (text) => ({ text }) })
export const AGENTS: readonly Agent[] = [...new Set([...CHAIN.agents, ...FLOW.agents])].map(repeating)

export const PRICES = [
  component('input', { kind: 'input_tokens' }, '0.15'),
  ...AGENTS.map(({ key }) => component(`fee-${key}`, { kind: 'agent', agent: key, per: 1 }, '0.001')),
  component('output', { kind: 'output_tokens' }, '1.00'),
]

const TEXT_CHARACTERS = 2_000

/** 2 kB that no cache has seen: words of random letters. */
export function freshText(): string {
  return (
    randomBytes(TEXT_CHARACTERS / 2)
      .toString('hex')
      .match(/.{1,7}/g) ?? []
  )
    .join(' ')
    .slice(0, TEXT_CHARACTERS)
}

const delivered = ({ jobId, organizationId }: JobOf): Omit<Delivery, 'stages' | 'parent'> => {
  return { jobId, organizationId, generation: 0 }
}

export function firstOf(job: JobOf): Delivery {
  return { ...delivered(job), stages: [{ stage: 'input', delivery: 1 }], parent: null }
}

/** What the queue is given after a stage: the same queue jobs as the product's, without any of its reasons. */
export function nextOf(job: JobOf, stage: string, { agents }: Shape): Delivery | null {
  const output = { stage: 'output', delivery: 1 }
  if (stage === 'output') return null
  if (stage !== 'input') return agents.length > 1 ? null : { ...delivered(job), stages: [output], parent: null }
  const stages = agents.map((key) => ({ stage: `agent.${key}`, delivery: 1 }))
  return { ...delivered(job), stages, parent: agents.length > 1 ? output : null }
}
