import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Agent } from '../../src/agents/agent.ts'
import type { Tollkeeper } from '../../src/composition.ts'
import { parseAmount } from '../../src/pricing/money.ts'
import { o200kBase } from '../../src/tokenizer/o200k-base.ts'
import { expectBooksToBalance } from '../support/books.ts'
import { type ChatServer, startChatServer } from '../support/chat-server.ts'
import { component, eventually, fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'

const KEY = 'sk-of-the-tests'
const SYSTEM = 'Answer in one sentence.'
const TEXT = 'The ferry leaves the harbour at nine and is back at noon, but for Sundays.'
const PROMPT = `${SYSTEM}\n\n${TEXT}`
const ANSWER = 'At nine.'

/** Of a million tokens, so that one token is 0.0001, 0.00001, 0.001 and 0.0005. */
const PRICES = [
  component('llm-in', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'input' }, '100'),
  component('llm-cached', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'cache_read' }, '10'),
  component('llm-out', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'output' }, '1000'),
  component('llm-thought', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'reasoning' }, '500'),
]
const price = (tokens: { input?: number; cached?: number; output?: number; thought?: number }): bigint => {
  const { input = 0, cached = 0, output = 0, thought = 0 } = tokens
  return BigInt(input) * 100_000n + BigInt(cached) * 10_000n + BigInt(output) * 1_000_000n + BigInt(thought) * 500_000n
}
const COUNTED = price({ input: o200kBase.count(PROMPT), output: o200kBase.count(ANSWER) })

const settings = ({ url }: ChatServer) => ({
  LLM_PROVIDER: 'openai-compatible',
  LLM_BASE_URL: url,
  LLM_API_KEY: KEY,
  LLM_MODEL: 'm-1',
  MAX_OUTPUT_TOKENS: '400',
})

const asker: Agent = {
  key: 'asker',
  bounds: async (_text, { model, maxOutputTokens }) => ({ model, calls: 1, promptTokens: 2_000, maxOutputTokens }),
  run: (text, { llm }) => llm.generate({ system: SYSTEM, prompt: text }),
}
/** Asks with a tool, three rounds at most. */
const looker: Agent = {
  key: 'looker',
  bounds: async (_text, { model, maxOutputTokens }) => ({ model, calls: 3, promptTokens: 2_000, maxOutputTokens }),
  run: (text, { llm }) =>
    llm.generate({
      system: SYSTEM,
      prompt: text,
      tools: [
        { name: 'timetable', description: 'Knows ferries.', parameters: { type: 'object' }, run: () => 'nine o’clock' },
      ],
    }),
}

describe('a job whose model is behind a server of the chat protocol', () => {
  let server: ChatServer
  let world: World
  let tollkeeper: Tollkeeper
  let organizations = 0

  beforeAll(async () => {
    server = await startChatServer()
    world = await openWorld('postgres', { ...settings(server), LOG_LEVEL: 'fatal' })
    tollkeeper = await world.open([asker, looker])
    await tollkeeper.startWorkers()
  })
  afterAll(async () => {
    await world.close()
    await server.close()
  })
  afterEach(async () => {
    await expectBooksToBalance(world.database)
    expect((await tollkeeper.verifier.verify()).violations).toEqual([])
  })

  async function submit({ agent = 'asker', money = '10.00', maxCost = null as bigint | null } = {}) {
    organizations += 1
    const organizationId = await fundedOrganization(tollkeeper, `org-${organizations}`, money, PRICES)
    const { id } = await tollkeeper.service.submit({ organizationId, text: TEXT, agents: [agent], maxCost })
    return { id, organizationId }
  }
  const until = (id: string, state: string) =>
    eventually(
      () => tollkeeper.service.find(id),
      (job) => job.state === state,
      30_000,
    )
  const linesOf = async (id: string) => {
    const { lines } = await tollkeeper.jobs.receipt(tollkeeper.em(), id)
    const ofModel = lines.filter(({ kind }) => kind === 'llm_tokens')
    return ofModel.map(({ component: key, quantity, source, amount }) => ({ key, quantity, source, amount }))
  }
  const stageOf = async (id: string, stage: string) => {
    const sql = `select usage, bound, starts, absorbed from tollkeeper.job_stages where job_id = $1 and stage = $2`
    const [row] = await world.database.query<{
      usage: { llm: { source: string; classes: object; evidence?: { raw?: { usage: unknown } } }[] } | null
      bound: { llm: { maxOutputTokens: number } }
      starts: number
      absorbed: number
    }>(sql, [id, stage])
    if (!row) throw new Error(`job ${id} has a stage ${stage}`)
    return row
  }
  const absorbedOf = (id: string) =>
    world.database.query<{ reason: string; usage: { llm: { classes: object }[] }; cost: string }>(
      'select reason, usage, cost::text from tollkeeper.absorbed_usage where job_id = $1 order by created_at',
      [id],
    )
  const balanceOf = (organizationId: string) => tollkeeper.balances.balance(tollkeeper.em(), organizationId)

  it('asks once, as configured, and pays class by class for what the wire reported', async () => {
    const usage = {
      prompt_tokens: 40,
      completion_tokens: 12,
      total_tokens: 52,
      prompt_tokens_details: { cached_tokens: 16 },
      completion_tokens_details: { reasoning_tokens: 5 },
    }
    server.become({ reasoning: 'A time.', text: ANSWER, usage })
    const { id, organizationId } = await submit()
    const job = await until(id, 'charged')
    expect(job.result?.text).toBe(ANSWER)
    expect(server.requests).toHaveLength(1)
    expect(server.requests[0]?.headers.authorization).toBe(`Bearer ${KEY}`)
    expect(server.requests[0]?.body).toEqual({
      model: 'm-1',
      messages: [
        { role: 'system', content: SYSTEM },
        { role: 'user', content: TEXT },
      ],
      max_tokens: 400,
      stream: true,
      stream_options: { include_usage: true },
    })
    const source = 'reported'
    expect(await linesOf(id)).toEqual([
      { key: 'llm-in', quantity: 24, source, amount: price({ input: 24 }) },
      { key: 'llm-cached', quantity: 16, source, amount: price({ cached: 16 }) },
      { key: 'llm-out', quantity: 7, source, amount: price({ output: 7 }) },
      { key: 'llm-thought', quantity: 5, source, amount: price({ thought: 5 }) },
    ])
    const charged = price({ input: 24, cached: 16, output: 7, thought: 5 })
    expect(job.charged).toBe(charged)
    expect(await balanceOf(organizationId)).toMatchObject({ available: parseAmount('10.00') - charged, held: 0n })
    expect((await stageOf(id, 'agent.asker')).usage?.llm).toMatchObject([{ evidence: { raw: { usage } } }])
    expect(await absorbedOf(id)).toEqual([])
  })

  it('asks for no more output than max_cost leaves after the prompt', async () => {
    server.become({ text: ANSWER })
    const { id } = await submit({ maxCost: price({ input: 2_000, output: 100 }) + 999_999n })
    const job = await until(id, 'charged')
    expect(server.requests.map(({ body }) => body.max_tokens)).toEqual([100])
    expect((await stageOf(id, 'agent.asker')).bound.llm.maxOutputTokens).toBe(100)
    expect(job.charged).toBe(COUNTED)
  })

  // what the wire said of its use
  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['1e12 tokens', { prompt_tokens: 1e12, completion_tokens: 1e12, total_tokens: 2e12 }],
    ['more output than was asked for', { prompt_tokens: 20, completion_tokens: 401, total_tokens: 421 }],
    ['more prompt than it has bytes', { prompt_tokens: 1_999, completion_tokens: 3, total_tokens: 2_002 }],
    ['negative tokens', { prompt_tokens: -20, completion_tokens: 3, total_tokens: -17 }],
    ['halves of tokens', { prompt_tokens: 20.5, completion_tokens: 3, total_tokens: 23.5 }],
    ['tokens as texts', { prompt_tokens: '20', completion_tokens: '3' }],
    [
      'more cached than prompt',
      { prompt_tokens: 20, completion_tokens: 3, total_tokens: 23, prompt_tokens_details: { cached_tokens: 21 } },
    ],
    ['no prompt tokens', { completion_tokens: 3 }],
  ])('pays for what is counted where the wire reports %s', async (_, usage) => {
    server.become(usage === undefined ? { text: ANSWER } : { text: ANSWER, usage })
    const { id, organizationId } = await submit()
    const job = await until(id, 'charged')
    expect(job.charged).toBe(COUNTED)
    expect((await linesOf(id)).map(({ source }) => source)).toEqual(['counted', 'counted'])
    expect(await balanceOf(organizationId)).toMatchObject({ available: parseAmount('10.00') - COUNTED, held: 0n })
    expect((await tollkeeper.jobs.receipt(tollkeeper.em(), id)).writtenOff).toBe(0n)
    expect(server.requests).toHaveLength(1)
  })

  it('pays for an answer that was repeated as often as it was said, and no more', async () => {
    server.become({ text: `${ANSWER} ${ANSWER}` })
    const { id } = await submit()
    const job = await until(id, 'charged')
    expect(job.charged).toBe(price({ input: o200kBase.count(PROMPT), output: o200kBase.count(`${ANSWER} ${ANSWER}`) }))
  })

  it('meters each round of a tool loop as a call', async () => {
    const rounds = [
      { prompt_tokens: 31, completion_tokens: 9, total_tokens: 40 },
      { prompt_tokens: 53, completion_tokens: 8, total_tokens: 61 },
      { prompt_tokens: 74, completion_tokens: 3, total_tokens: 77 },
    ] as const
    const wanted = (id: string) => [{ id, name: 'timetable', arguments: '{"day":"Monday"}' }]
    server.become(
      { tools: wanted('call-1'), usage: rounds[0] },
      { tools: wanted('call-2'), usage: rounds[1] },
      { text: ANSWER, usage: rounds[2] },
    )
    const { id } = await submit({ agent: 'looker' })
    const job = await until(id, 'charged')
    expect(server.requests.map(({ body }) => body.messages.length)).toEqual([2, 4, 6])
    expect(server.requests.map(({ body }) => body.max_tokens)).toEqual([400, 400, 400])
    expect(server.requests[2]?.body.messages.at(-1)).toMatchObject({ role: 'tool', tool_call_id: 'call-2' })
    const { usage } = await stageOf(id, 'agent.looker')
    expect(usage?.llm.map(({ source, evidence }) => [source, evidence?.raw?.usage])).toEqual(
      rounds.map((said) => ['reported', said]),
    )
    const source = 'reported'
    expect(await linesOf(id)).toEqual([
      { key: 'llm-in', quantity: 158, source, amount: price({ input: 158 }) },
      { key: 'llm-out', quantity: 20, source, amount: price({ output: 20 }) },
    ])
    expect(job.charged).toBe(price({ input: 158, output: 20 }))
  })

  it('is asked again by the queue only, and pays for the answer once', async () => {
    server.become(
      { status: 503, body: { error: { message: 'busy' } } },
      { text: ANSWER, cutAfter: 3 },
      { text: ANSWER },
    )
    const { id } = await submit()
    const job = await until(id, 'charged')
    expect(server.requests).toHaveLength(3)
    expect(job.charged).toBe(COUNTED)
    const stage = await stageOf(id, 'agent.asker')
    expect(stage).toMatchObject({ absorbed: 1 })
    // The refused request never reached the model; the cut one did, and is the platform's.
    const [lost, ...others] = await absorbedOf(id)
    expect(others).toEqual([])
    const classes = { input: o200kBase.count(PROMPT), output: o200kBase.count('At ') }
    expect(lost?.usage.llm).toMatchObject([{ source: 'counted', classes }])
    expect(BigInt(lost?.cost ?? 0)).toBe(price(classes))
  })

  it('is not asked again where that is hopeless: the job fails, costs nothing and keeps the key to itself', async () => {
    server.become({ status: 401, body: { error: { message: `Incorrect API key provided: ${KEY}` } } })
    const { id, organizationId } = await submit()
    const job = await until(id, 'failed')
    expect(server.requests).toHaveLength(1)
    expect(job).toMatchObject({ charged: 0n, held: 0n, failure: { code: 'provider-error', stage: 'agent.asker' } })
    expect(job.failure?.detail).toMatch(/^LLM_API_KEY was refused/)
    expect(await balanceOf(organizationId)).toMatchObject({ available: parseAmount('10.00'), held: 0n })
    const everything = await world.database.query('select * from tollkeeper.jobs')
    expect(JSON.stringify(everything)).not.toContain(KEY)
    expect(await absorbedOf(id)).toEqual([])
  })

  it('leaves the wire at once where it is cancelled, and what its call used is the platform’s', async () => {
    server.become({ text: `${ANSWER} And not on Sundays.`, hangAfter: ANSWER.length })
    const { id, organizationId } = await submit()
    const request = await server.asked(1)
    const job = await tollkeeper.service.cancel(id)
    expect(job).toMatchObject({ state: 'cancelled', charged: 0n, held: 0n })
    expect(await request.over).toBe('hung up')
    const [lost] = await eventually(
      () => absorbedOf(id),
      (rows) => rows.length > 0,
    )
    const classes = { input: o200kBase.count(PROMPT), output: o200kBase.count(ANSWER) }
    expect(lost?.usage.llm).toMatchObject([{ source: 'counted', classes }])
    expect(server.requests).toHaveLength(1)
    expect(await balanceOf(organizationId)).toMatchObject({ available: parseAmount('10.00'), held: 0n })
  })
})

describe('a job whose model never answers', () => {
  it('fails by its deadline, with every request ended on the wire, and costs nothing', async () => {
    await using opened = new AsyncDisposableStack()
    const server = await startChatServer()
    opened.defer(() => server.close())
    const world = await openWorld('postgres', { ...settings(server), STAGE_TIMEOUT_MS: '300', LOG_LEVEL: 'fatal' })
    opened.defer(() => world.close())
    const tollkeeper = await world.open([asker])
    const organizationId = await fundedOrganization(tollkeeper, 'acme', '10.00', PRICES)
    await tollkeeper.startWorkers()
    server.become('hang')
    const { id } = await tollkeeper.service.submit({ organizationId, text: TEXT, agents: ['asker'] })
    const job = await eventually(
      () => tollkeeper.service.find(id),
      ({ state }) => state === 'failed',
      30_000,
    )
    expect(job).toMatchObject({ charged: 0n, held: 0n, failure: { code: 'stage-deadline', stage: 'agent.asker' } })
    expect(await Promise.all(server.requests.map(({ over }) => over))).toEqual(['hung up', 'hung up', 'hung up'])
    const balance = await tollkeeper.balances.balance(tollkeeper.em(), organizationId)
    expect(balance).toMatchObject({ available: parseAmount('10.00'), held: 0n })
    // Each prompt went out, and somebody is paid for it: the platform pays.
    const lost = await eventually(
      () => world.database.query<{ tokens: string }>('select tokens from tollkeeper.absorbed_usage'),
      ({ length }) => length === 3,
    )
    expect(lost.map(({ tokens }) => Number(tokens))).toEqual(lost.map(() => o200kBase.count(PROMPT)))
    await expectBooksToBalance(world.database)
  })
})
