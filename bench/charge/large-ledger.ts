import type { Component } from '../../src/pricing/tariff.ts'
import type { LlmUsage } from '../../src/pricing/usage.ts'
import { inParallel } from '../statistics.ts'
import { component, openOrganizations, storeJobs, type World } from '../world.ts'

const AGENT = 'filler'
const ORGANIZATIONS = 100
const MODELS = 12
const CALLERS = 200
const JOBS_AT_ONCE = 5_000
/** A hold, the input, each model's tokens in and out, the output, and what is released of the hold. */
const ROWS_PER_JOB = 2 + 2 * MODELS + 2

const models = Array.from({ length: MODELS }, (_, index) => `model-${index}`)

/** Each model has prices of its own, so that one job makes many lines: filling takes minutes, not an hour. */
const FILLER_COMPONENTS: readonly Component[] = [
  component('input', { kind: 'input_tokens' }, '0.15'),
  ...models.flatMap((llmModel) => [
    component(`${llmModel}-in`, { kind: 'llm_tokens', llmModel, tokenClass: 'input' }, '0.15'),
    component(`${llmModel}-out`, { kind: 'llm_tokens', llmModel, tokenClass: 'output' }, '0.60'),
  ]),
  component('output', { kind: 'output_tokens' }, '1.00'),
]

const CALLS: readonly LlmUsage[] = models.map((model) => {
  return { model, source: 'reported', classes: { input: 1_300, output: 200 } }
})

const LLM_BOUND = { model: 'model-0', calls: MODELS, promptTokens: 1_400, maxOutputTokens: 1_024 }

/** Fills a ledger through the product itself, so that every row of it stands up to the check of the books. */
export async function fillLedger(world: World, rows: number, progress: (line: string) => void): Promise<void> {
  const ids = Array.from({ length: ORGANIZATIONS }, (_, index) => `filler-${index}`)
  await openOrganizations(world, ids, FILLER_COMPONENTS)
  const { billing } = world.tollkeeper
  for (let filled = 0; filled < rows; filled += JOBS_AT_ONCE * ROWS_PER_JOB) {
    const jobs = await storeJobs(world, { organizations: ids, agents: [AGENT] }, JOBS_AT_ONCE)
    await inParallel(jobs, CALLERS, async (job) => {
      await billing.admit(job, [
        { stage: 'input', bound: { kind: 'input', tokens: 1_200 } },
        { stage: `agent.${AGENT}`, bound: { kind: 'agent', agent: AGENT, llm: LLM_BOUND } },
        { stage: 'output', bound: { kind: 'output', maxTokens: 1_024 } },
      ])
      await billing.settle({ ...job, stage: `agent.${AGENT}` }, { kind: 'agent', agent: AGENT, llm: CALLS })
      await billing.settle({ ...job, stage: 'output' }, { kind: 'output', tokens: 180 })
      await billing.release(job)
    })
    progress(`ledger filled with ${(filled + JOBS_AT_ONCE * ROWS_PER_JOB).toLocaleString('en-US')} rows`)
  }
}

/** Counts what really stands there. */
export async function ledgerRows({ pool }: World): Promise<number> {
  const { rows } = await pool.query<{ rows: number }>('select count(*)::int as rows from tollkeeper.ledger_entries')
  return rows[0]?.rows ?? 0
}
