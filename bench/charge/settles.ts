import { invariant } from '../../src/foundation/invariant.ts'
import type { JobOf } from '../../src/managers/token-based-billing.manager.ts'
import type { BoundedStage } from '../../src/pricing/quote.ts'
import type { Component } from '../../src/pricing/tariff.ts'
import type { StageUsage } from '../../src/pricing/usage.ts'
import { inParallel, secondsOf } from '../statistics.ts'
import { component, storeJobs, type World } from '../world.ts'

/** The agent whose stage is settled, and what it may use and used: a model call with tokens in and out. */
export const AGENT = 'writer'
export const STAGE = `agent.${AGENT}`
const MODEL = 'example-model'
const RESULT = 'The harbour council met on Tuesday and agreed on a new timetable for the ferry.'

/** Prices as in the contract's example; a settle makes two ledger lines, `llm-in` and `llm-out`. */
export const COMPONENTS: readonly Component[] = [
  component('input', { kind: 'input_tokens' }, '0.15'),
  component('llm-in', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'input' }, '0.15'),
  component('llm-out', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'output' }, '0.60'),
  component('output', { kind: 'output_tokens' }, '1.00'),
]
const LINES_PER_SETTLE = 2

/** Jobs between their admission and their settling at once; a process has some thousands in hand, never all of a day's. */
const JOBS_IN_HAND = 10_000

export const USAGE: StageUsage = {
  kind: 'agent',
  agent: AGENT,
  llm: [{ model: MODEL, source: 'reported', classes: { input: 1_300, output: 200 } }],
}

const BOUNDS: readonly BoundedStage[] = [
  { stage: 'input', bound: { kind: 'input', tokens: 1_200 } },
  {
    stage: STAGE,
    bound: {
      kind: 'agent',
      agent: AGENT,
      llm: { model: MODEL, calls: 1, promptTokens: 1_400, maxOutputTokens: 1_024 },
    },
  },
  { stage: 'output', bound: { kind: 'output', maxTokens: 1_024 } },
]

export interface Load {
  /** Whose jobs they are, taking turns. */
  readonly organizations: readonly string[]
  /** Calls that wait for an answer at once. */
  readonly callers: number
}

export interface Rates {
  readonly admitsPerSecond: number
  readonly settlesPerSecond: number
  readonly linesPerSecond: number
  /** Of the settling's wall time, how much this process computed; 1 is one core's worth. */
  readonly nodeCores: number
}

/** Stores new jobs and admits them. */
export async function admittedJobs(world: World, { organizations, callers }: Load, count: number) {
  const jobs = await storeJobs(world, { organizations, agents: [AGENT] }, count)
  const seconds = await secondsOf(() => inParallel(jobs, callers, (job) => admit(world, job)))
  return { jobs, admitsPerSecond: count / seconds }
}

/** Admits and settles `count` new jobs through the product's own manager, and checks every answer. */
export async function measureSettles(world: World, load: Load, count: number): Promise<Rates> {
  const spent = { admitting: 0, settling: 0, computing: 0 }
  for (let left = count; left > 0; left -= JOBS_IN_HAND) {
    const portion = Math.min(left, JOBS_IN_HAND)
    const { jobs, admitsPerSecond } = await admittedJobs(world, load, portion)
    spent.admitting += portion / admitsPerSecond
    const cpu = process.cpuUsage()
    spent.settling += await secondsOf(() => inParallel(jobs, load.callers, (job) => settle(world, job)))
    const { user, system } = process.cpuUsage(cpu)
    spent.computing += (user + system) / 1e6
  }
  return {
    admitsPerSecond: count / spent.admitting,
    settlesPerSecond: count / spent.settling,
    linesPerSecond: (count * LINES_PER_SETTLE) / spent.settling,
    nodeCores: spent.computing / spent.settling,
  }
}

async function admit({ tollkeeper }: World, job: JobOf): Promise<void> {
  const verdict = await tollkeeper.billing.admit(job, BOUNDS)
  invariant(verdict.kind === 'admitted', `every job is admitted, not ${verdict.kind}`)
}

/** One settle, which must charge: a replay or an absorbed one would be cheaper than what is measured. */
export async function settle({ tollkeeper }: World, job: JobOf): Promise<void> {
  const verdict = await tollkeeper.billing.settle({ ...job, stage: STAGE }, USAGE, RESULT)
  invariant(verdict.kind === 'settled' && !verdict.replayed, 'every stage is settled once')
  const entries = verdict.lines.filter(({ ledgerSeq }) => ledgerSeq !== null).length
  invariant(entries === LINES_PER_SETTLE, `a settle makes ${LINES_PER_SETTLE} ledger lines, not ${entries}`)
}
