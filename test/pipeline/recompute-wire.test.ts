import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Agent } from '../../src/agents/agent.ts'
import type { Tollkeeper } from '../../src/composition.ts'
import type { Recomputation } from '../../src/pipeline/recompute/recompute.ts'
import { o200kBase } from '../../src/tokenizer/o200k-base.ts'
import { type ChatServer, startChatServer } from '../support/chat-server.ts'
import { CONTRACT_COMPONENTS, fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'

const TEXT = 'The ferry leaves the harbour at nine and is back at noon, but for Sundays, when it rests at the pier.'
const SYSTEM = 'Answer in one sentence.'
const ANSWER = 'It leaves at nine.'
/** More than is kept of what is counted, beyond texts that are stored anyway. */
const LONG_SYSTEM = 'Answer. '.repeat(9_000)

const asking = (key: string, system: string): Agent => ({
  key,
  bounds: (_text, { model, maxOutputTokens }) => ({ model, calls: 1, promptTokens: 80_000, maxOutputTokens }),
  run: (text, { llm }) => llm.generate({ system, prompt: text }),
})

const open = ({ findings }: Recomputation) => findings.filter(({ verdict }) => verdict !== 'proved')
const howOf = ({ findings }: Recomputation) => findings.find(({ of }) => of === 'call 1')?.how

describe('a receipt of calls over the wire is made again without the wire', () => {
  let server: ChatServer
  let world: World
  let tollkeeper: Tollkeeper
  beforeAll(async () => {
    server = await startChatServer()
    world = await openWorld('postgres', {
      LLM_PROVIDER: 'openai-compatible',
      LLM_BASE_URL: server.url,
      LLM_API_KEY: 'sk-of-the-tests',
      LLM_MODEL: 'm-1',
      LOG_LEVEL: 'fatal',
    })
    tollkeeper = await world.open([asking('asker', SYSTEM), asking('talker', LONG_SYSTEM)])
    await fundedOrganization(tollkeeper, 'acme', '10.00', CONTRACT_COMPONENTS)
    await tollkeeper.startWorkers()
  })
  afterAll(async () => {
    await world.close()
    await server.close()
  })

  async function charged(agent: string, usage?: unknown): Promise<string> {
    server.become({ text: ANSWER, ...(usage === undefined ? {} : { usage }) })
    const { id } = await tollkeeper.service.submit({ organizationId: 'acme', text: TEXT, agents: [agent] })
    await tollkeeper.watcher.until(id, ({ state }) => state === 'charged')
    return id
  }

  it('from the words of the provider, each class on its own', async () => {
    const details = { prompt_tokens_details: { cached_tokens: 8 }, completion_tokens_details: { reasoning_tokens: 40 } }
    const usage = { prompt_tokens: 30, completion_tokens: 45, total_tokens: 75, ...details }
    const made = await tollkeeper.recompute(await charged('asker', usage))
    expect(open(made)).toEqual([])
    expect(howOf(made)).toBe('22 input, 8 cache_read, 5 output, 40 reasoning as m-1 reported (openai-compatible)')
  })

  it.each([
    ['said nothing of its usage', undefined],
    ['said what cannot be', { prompt_tokens: 30, completion_tokens: -1, total_tokens: 29 }],
  ])('from the kept texts, where the provider %s', async (_what, usage) => {
    const id = await charged('asker', usage)
    const asked = server.requests.length
    const made = await tollkeeper.recompute(id)
    expect(open(made)).toEqual([])
    const [input, output] = [o200kBase.count(`${SYSTEM}\n\n${TEXT}`), o200kBase.count(ANSWER)]
    expect(howOf(made)).toMatch(new RegExp(`^${input} input, ${output} output counted in the kept prompt and answer`))
    expect(server.requests).toHaveLength(asked)
    // The job's text is named in what was kept: changed, it changes both counts.
    await world.database.query(`update tollkeeper.job_texts set text = text || ' Twice.' where job_id = $1`, [id])
    const about = { verdict: 'differs', figure: 'tokens' }
    expect(open(await tollkeeper.recompute(id))).toMatchObject([
      { stage: 'input', of: 'text', ...about },
      { stage: 'agent.asker', of: 'call 1', ...about },
    ])
  })

  it('but not where more was counted than is kept, and says so', async () => {
    const made = await tollkeeper.recompute(await charged('talker'))
    expect(open(made)).toMatchObject([
      { of: 'call 1', verdict: 'not_provable', how: 'the texts that were counted were too long to be kept' },
    ])
    expect(made.ok).toBe(true)
  })
})
