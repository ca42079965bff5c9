import { afterEach, describe, expect, it } from 'vitest'
import type { Agent } from '../../src/agents/agent.ts'
import { parseAmount } from '../../src/pricing/money.ts'
import { expectBooksToBalance } from '../support/books.ts'
import {
  BACKENDS_HERE,
  component,
  eventually,
  fundedOrganization,
  openWorld,
  type World,
} from '../support/tollkeeper.ts'

/** A model call may answer with 1,024 tokens: 1.024 at most; prompts are free. */
const PRICES = [
  component('llm-in', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'input' }, '0'),
  component('llm-out', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'output' }, '1000'),
]

const bounds =
  (calls: number): Agent['bounds'] =>
  (_text, { model, maxOutputTokens }) => ({ model, calls, promptTokens: 1_000, maxOutputTokens })

describe.each(BACKENDS_HERE)('siblings of an agent that is refused money, with the queue on %s', (backend) => {
  let world: World
  afterEach(() => world.close())

  it('start no more model calls, not even such as are held for', async () => {
    const [talking, refused] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    let [asked, answered] = [0, 0]
    const talkative: Agent = {
      key: 'talkative',
      bounds: bounds(5),
      async run(text, { llm }) {
        for (const call of [1, 2, 3, 4, 5]) {
          if (call === 2) await refused.promise
          asked += 1
          await llm.generate({ system: 'Summarize.', prompt: text })
          answered += 1
          talking.resolve()
        }
        return { text: 'five answers' }
      },
    }
    const greedy: Agent = {
      key: 'greedy',
      bounds: bounds(1),
      async run(text, { llm }) {
        await llm.generate({ system: 'Summarize.', prompt: text })
        await talking.promise
        await llm.generate({ system: 'Summarize.', prompt: text }).catch(() => {
          refused.resolve()
          throw new Error('an agent may say it in its own words: the job is parked, and has not failed')
        })
        return { text: 'two answers' }
      },
    }
    world = await openWorld(backend)
    const tollkeeper = await world.open([talkative, greedy])
    await fundedOrganization(tollkeeper, 'acme', '7.00', PRICES)
    await tollkeeper.startWorkers()
    const { id } = await tollkeeper.service.submit({
      ...{ organizationId: 'acme', text: 'The ferry leaves at nine.', agents: ['talkative', 'greedy'] },
    })
    const find = () => tollkeeper.service.find(id)
    const parked = await eventually(find, ({ state }) => state === 'rejected_for_balance')
    expect(parked).toMatchObject({ stage: 'agent.greedy', charged: 0n, held: 0n })
    expect([asked, answered]).toEqual([2, 1])
    const absorbed = await world.database.query(
      'select stage, reason from tollkeeper.absorbed_usage where job_id = $1 order by stage',
      [id],
    )
    expect(absorbed).toEqual([
      { stage: 'agent.greedy', reason: 'abandoned' },
      { stage: 'agent.talkative', reason: 'abandoned' },
    ])
    await tollkeeper.balances.topUp('acme', { amount: parseAmount('10.00'), reference: 'second', note: null })
    const job = await eventually(find, ({ state }) => state === 'charged')
    expect(job.result?.text).toContain('five answers')
    expect([asked, answered]).toEqual([7, 6])
    expect((await tollkeeper.verifier.verify()).violations).toEqual([])
    await expectBooksToBalance(world.database)
  })
})
