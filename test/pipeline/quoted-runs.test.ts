import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Agent } from '../../src/agents/agent.ts'
import { createAgentRegistry } from '../../src/agents/agent-registry.ts'
import { builtInAgents } from '../../src/agents/built-in-agents.ts'
import { cutToTokens, noteLimit } from '../../src/agents/cut-to-tokens.ts'
import type { LlmProvider } from '../../src/agents/llm-provider.ts'
import { promptText } from '../../src/agents/llm-provider.ts'
import { createMeteredLlm, promptBound } from '../../src/agents/metered-llm.ts'
import { createOfflinePool, createOfflineProvider } from '../../src/agents/offline-provider.ts'
import { createOpenAICompatibleProvider } from '../../src/agents/openai-compatible-provider.ts'
import type { StageWork } from '../../src/database/stage-work.ts'
import { createCountingPool } from '../../src/monitors/counting-pool.ts'
import { InputTokenMonitor } from '../../src/monitors/input-token.monitor.ts'
import { LLMTokenMonitor } from '../../src/monitors/llm-token.monitor.ts'
import { boundsOf } from '../../src/pipeline/bounds.ts'
import { agentText, deliveredText } from '../../src/pipeline/stage-text.ts'
import { unpricedClasses } from '../../src/pricing/price.ts'
import { type BoundedStage, quoteStages } from '../../src/pricing/quote.ts'
import type { Tariff } from '../../src/pricing/tariff.ts'
import type { LlmUsage, StageUsage } from '../../src/pricing/usage.ts'
import { o200kBase } from '../../src/tokenizer/o200k-base.ts'
import type { World } from '../ledger/world.ts'
import { addJob, EXPIRES_MS, ORG, settle, worldOf } from '../ledger/world-fixtures.ts'
import { tariffs } from '../pricing/tariff-fixtures.ts'
import { type ChatServer, startChatServer } from '../support/chat-server.ts'

vi.setConfig({ testTimeout: 60_000 }) // loading the vocabulary is slow on a busy machine

const offlinePool = createOfflinePool(1)
const countingPool = createCountingPool(1)
afterAll(() => Promise.all([offlinePool.close(), countingPool.close()]))

const inputMonitor = new InputTokenMonitor(o200kBase, countingPool)
const llmMonitor = new LLMTokenMonitor(o200kBase, countingPool)
/** Calls its model twice, and once more about what it said: bounds of several calls hold for each. */
const debater: Agent = {
  key: 'debater',
  bounds: async (text, { model, maxOutputTokens, countPrompt }) => ({
    ...{ model, calls: 2, maxOutputTokens },
    promptTokens: (await countPrompt(promptText({ system: 'Oppose.', messages: [{ role: 'user', text }] }))) + 8,
  }),
  async run(text, { llm }) {
    const answers = await Promise.all(['Agree.', 'Oppose.'].map((system) => llm.generate({ system, prompt: text })))
    return { text: answers.map((answer) => answer.text).join('\n\n') }
  },
}
const AGENTS = createAgentRegistry([...builtInAgents(false).served, debater])

/** What a server may say of its use: any split of what is possible, the limits themselves, or nonsense. */
type Report = (promptBytes: number, limit: number) => unknown
const share = fc.double({ min: 0, max: 1, noNaN: true })
const reports: fc.Arbitrary<Report> = fc.oneof(
  fc.tuple(share, share).map(
    ([cached, thought]): Report =>
      (bytes, limit) => ({
        prompt_tokens: bytes,
        prompt_tokens_details: { cached_tokens: Math.floor(bytes * cached) },
        completion_tokens: limit,
        completion_tokens_details: { reasoning_tokens: Math.floor(limit * thought) },
        total_tokens: bytes + limit,
      }),
  ),
  fc.constantFrom<Report>(
    () => undefined,
    () => ({ prompt_tokens: 1e12, completion_tokens: 1e12, total_tokens: 2e12 }),
    () => ({ prompt_tokens: -1, completion_tokens: 'many' }),
    (bytes, limit) => ({ prompt_tokens: bytes + 1, completion_tokens: limit + 1, total_tokens: bytes + limit + 2 }),
    () => ({ prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }),
  ),
)

const offline = createOfflineProvider(offlinePool)

let server: ChatServer
beforeAll(async () => {
  server = await startChatServer()
})
afterAll(() => server.close())

/** A real client of a server that always answers as long as it may, and says of its use what it likes. */
function distant(report: Report): LlmProvider {
  server.become(({ body }) => {
    const prompt = body.messages.map(({ content }) => String(content)).join('\n\n')
    const limit = body.max_tokens ?? 0
    const text = cutToTokens(`${prompt} und so weiter`.repeat(20), limit, o200kBase)
    return { text, usage: report(Buffer.byteLength(prompt), limit) }
  })
  return createOpenAICompatibleProvider({ baseUrl: server.url, apiKey: 'sk-of-the-tests', model: 'm1' })
}

const steps = fc.constantFrom<readonly (readonly string[])[]>(
  [['summarizer']],
  [['extractor', 'summarizer']],
  [['debater']],
  [['extractor'], ['summarizer']],
  [['analyst'], ['summarizer']],
  [['extractor', 'debater'], ['summarizer']],
  [['summarizer'], ['debater', 'extractor']],
)
const texts = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 200 }).filter((text) => text.isWellFormed()),
  fc.lorem({ maxCount: 30, mode: 'sentences' }),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 }),
)

interface Run {
  readonly provider: LlmProvider
  readonly text: string
  readonly steps: readonly (readonly string[])[]
  readonly maxOutputTokens: number
}

const limitsOf = ({ provider, maxOutputTokens }: Run) => ({
  model: provider.model,
  maxOutputTokens,
  countPrompt: promptBound(provider, inputMonitor),
})

async function boundsFor(run: Run): Promise<readonly BoundedStage[]> {
  const { tokens: inputTokens } = await inputMonitor.measure(run.text)
  const notes = noteLimit(run.provider, o200kBase, run.maxOutputTokens)
  return boundsOf({ ...run, inputTokens, agents: AGENTS, limits: limitsOf(run), notes })
}

/** Runs a job's agents as its workers do, within their bounds. @returns what each stage used */
async function usageOf(run: Run, bounds: readonly BoundedStage[]): Promise<ReadonlyMap<string, StageUsage>> {
  const results: Record<string, string> = {}
  const work = { steps: run.steps, text: run.text, results } as unknown as StageWork
  const notes = noteLimit(run.provider, o200kBase, run.maxOutputTokens)
  const used = new Map<string, StageUsage>()
  for (const { stage, bound } of bounds) {
    if (bound.kind === 'input') used.set(stage, bound)
    if (bound.kind !== 'agent') continue
    const { text, usage } = await runAgent(run, bound.agent, agentText(work, stage, notes), bound.llm)
    results[stage] = text
    used.set(stage, { kind: 'agent', agent: bound.agent, llm: usage })
  }
  return used.set('output', { kind: 'output', tokens: o200kBase.count(deliveredText(work)) })
}

async function runAgent(
  run: Run,
  key: string,
  text: string,
  llm: { calls: number; promptTokens: number; maxOutputTokens: number } | null,
): Promise<{ text: string; usage: LlmUsage[] }> {
  const signal = AbortSignal.timeout(20_000)
  const metered = createMeteredLlm({
    ...{ provider: run.provider, monitor: llmMonitor, countPrompt: limitsOf(run).countPrompt, signal },
    ...{ promptTokensMax: llm?.promptTokens ?? 0, maxOutputTokens: llm?.maxOutputTokens ?? 0 },
    callsMax: llm?.calls ?? 0,
  })
  const agent = AGENTS.get(key)
  if (!agent) throw new Error(`there is no agent ${key}`)
  const answer = await agent.run(text, { llm: metered.llm, signal })
  return { text: answer.text, usage: metered.usage() }
}

/** Admits the job in the pure ledger and settles every stage with what it used. */
function charge(
  world: World,
  run: Run,
  { bounds, held, used }: { bounds: readonly BoundedStage[]; held: bigint; used: ReadonlyMap<string, StageUsage> },
): void {
  addJob(world, 'job', { steps: run.steps })
  const limits = { outputLimit: run.maxOutputTokens, parkedExpiresMs: EXPIRES_MS }
  const verdict = world.run('admit', { organizationId: ORG, jobId: 'job', bounds, ...limits })
  expect(verdict).toMatchObject({ kind: 'admitted', held })
  for (const [stage, usage] of used) if (stage !== 'input') settle(world, 'job', stage, usage)
}

/** The tariff, with its fee for an agent that runs. */
const withFee = (plan: Tariff, agent: string): Tariff => ({
  ...plan,
  components: plan.components.map((component) => (component.kind === 'agent' ? { ...component, agent } : component)),
})

async function expectWithinQuote(plan: Tariff, run: Run): Promise<void> {
  fc.pre(unpricedClasses(plan, run.provider.model).length === 0)
  const bounds = await boundsFor(run)
  const quote = quoteStages(plan, bounds, new Map(), 0n)
  const world = worldOf({ plan, available: 10n ** 17n })
  charge(world, run, { bounds, held: quote.upper, used: await usageOf(run, bounds) })
  const job = world.job('job')
  expect(job.state).toBe('charged')
  expect(job.charged).toBeLessThanOrEqual(quote.upper)
  expect(job.charged).toBeGreaterThanOrEqual(quote.lower)
  for (const { stage, lower, upper } of quote.stages) {
    const { charged } = world.stage('job', stage)
    // What the output has for the minimum is not charged where the agents cost more than they must.
    if (stage !== 'output') expect(charged, stage).toBeGreaterThanOrEqual(lower)
    // A result that is longer than the model was asked for takes what the agents left of the hold, and no more.
    if (stage !== 'output') expect(charged, stage).toBeLessThanOrEqual(upper)
  }
}

describe('a real run costs no less and no more than its quote, whatever the tariff, text and steps', () => {
  const limits = fc.integer({ min: 1, max: 60 })

  it('and the agents of a step are held in one order, however the job names them', async () => {
    const run = { provider: offline, text: 'A text.', maxOutputTokens: 20 }
    const bounds = await boundsFor({ ...run, steps: [['summarizer', 'debater', 'extractor']] })
    expect(bounds).toEqual(await boundsFor({ ...run, steps: [['extractor', 'summarizer', 'debater']] }))
    const world = worldOf()
    addJob(world, 'job', { steps: [['summarizer', 'debater', 'extractor']] })
    const stages = world.stagesOf('job').toSorted((a, b) => a.position - b.position || (a.stage < b.stage ? -1 : 1))
    expect(bounds.map(({ stage }) => stage)).toEqual(stages.map(({ stage }) => stage))
  })

  it('with the offline model', async () => {
    await fc.assert(
      fc.asyncProperty(tariffs, texts, steps, limits, (plan, text, wanted, maxOutputTokens) =>
        expectWithinQuote(withFee(plan, 'summarizer'), { provider: offline, text, steps: wanted, maxOutputTokens }),
      ),
      { numRuns: 60, interruptAfterTimeLimit: 25_000 },
    )
  })

  it('with a model behind HTTP that has another tokenizer, always answers at full length, and reports what it likes', async () => {
    await fc.assert(
      fc.asyncProperty(tariffs, texts, steps, limits, reports, (plan, text, wanted, maxOutputTokens, report) => {
        const run = { provider: distant(report), text, steps: wanted, maxOutputTokens }
        return expectWithinQuote(withFee(plan, 'debater'), run)
      }),
      { numRuns: 100, interruptAfterTimeLimit: 25_000 },
    )
  })
})
