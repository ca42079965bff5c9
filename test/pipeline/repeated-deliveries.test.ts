import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import type { Agent } from '../../src/agents/agent.ts'
import type { Tollkeeper } from '../../src/composition.ts'
import { expectBooksToBalance } from '../support/books.ts'
import {
  BACKENDS_HERE,
  component,
  eventually,
  fundedOrganization,
  openWorld,
  type World,
} from '../support/tollkeeper.ts'

const FEE = [component('fee', { kind: 'agent', agent: 'slow' }, '1.00')]
const COPIES = 1_000

describe.each(BACKENDS_HERE)('a stage that is delivered too often, with the queue on %s', (backend) => {
  let world: World
  let calls = 0
  let atOnce = 0
  let mostAtOnce = 0
  const slow: Agent = {
    key: 'slow',
    bounds: () => null,
    async run(text) {
      calls += 1
      atOnce += 1
      mostAtOnce = Math.max(mostAtOnce, atOnce)
      await pause(300)
      atOnce -= 1
      return { text }
    },
  }
  afterEach(() => world.close())

  async function start(): Promise<{ tollkeeper: Tollkeeper; id: string }> {
    world = await openWorld(backend)
    calls = 0
    mostAtOnce = 0
    const tollkeeper = await world.open([slow])
    await fundedOrganization(tollkeeper, 'acme', '10.00', FEE)
    const { id } = await tollkeeper.service.submit({ organizationId: 'acme', text: 'text', agents: ['slow'] })
    return { tollkeeper, id }
  }
  const queueOf = ({ queues }: Tollkeeper, name: string) => {
    const found = queues.boardQueues().find((queue) => queue.name === name)
    if (!found) throw new Error(`there is no queue ${name}`)
    return found
  }
  const untilCharged = (tollkeeper: Tollkeeper, id: string) =>
    eventually(
      () => tollkeeper.service.find(id),
      ({ state }) => state === 'charged' || state === 'failed',
    )
  const ledger = () => world.database.query('select * from tollkeeper.ledger_entries order by organization_id, seq')

  it('1,000 copies of one queue job make one charge, one model call at a time and a few at most', async () => {
    const { tollkeeper, id } = await start()
    const agents = queueOf(tollkeeper, 'pipeline.agent')
    await agents.pause()
    const crew = [await world.open([slow]), await world.open([slow])]
    await Promise.all(crew.map((each) => each.startWorkers()))
    await eventually(
      () => tollkeeper.service.find(id),
      ({ stages }) => stages[0]?.state === 'charged',
    )
    const copies = Array.from({ length: COPIES }, (_, copy) => ({
      name: 'copy',
      data: { jobId: id, stage: 'agent.slow' },
      opts: { jobId: `copy-${copy}` },
    }))
    await agents.addBulk(copies)
    await agents.resume()
    expect(await untilCharged(tollkeeper, id)).toMatchObject({ state: 'charged', charged: 1_000_000_000n })
    const idle = async () => agents.getJobCountByTypes('waiting', 'active', 'delayed', 'prioritized')
    await eventually(idle, (left) => left === 0, 40_000)
    expect(mostAtOnce).toBe(1)
    expect(calls).toBeLessThanOrEqual(3)
    const charges = await world.database.query(`select 1 from tollkeeper.ledger_entries where kind = 'charge'`)
    expect(charges).toHaveLength(1)
    expect(await agents.getFailedCount()).toBe(0)
    await expectBooksToBalance(world.database)
  }, 90_000)

  it('queue jobs of a charged job that are retried, edited, added again or injected move no money', async () => {
    const { tollkeeper, id } = await start()
    const other = await tollkeeper.service.submit({ organizationId: 'acme', text: 'other', agents: ['slow'] })
    await tollkeeper.service.cancel(other.id)
    await tollkeeper.startWorkers()
    await untilCharged(tollkeeper, id)
    const before = await ledger()
    const [input, agents, output] = ['input', 'agent', 'output'].map((name) => queueOf(tollkeeper, `pipeline.${name}`))
    if (!input || !agents || !output) throw new Error('there are three queues')

    const [charged] = await agents.getCompleted()
    await charged?.retry('completed')
    const [delivered] = await output.getCompleted()
    await delivered?.updateData({ jobId: other.id, stage: 'output' })
    await delivered?.retry('completed')
    await input.remove(`${id}.input.1`)
    await input.add('again', { jobId: id, stage: 'input' }, { jobId: `${id}.input.1` })
    await agents.add('injected', { jobId: id, stage: 'agent.slow' }, { jobId: 'injected', priority: 3 })
    await output.add('for a cancelled job', { jobId: other.id, stage: 'output' }, { jobId: 'cancelled' })
    for (const queue of [input, agents, output]) {
      const left = () => queue.getJobCountByTypes('waiting', 'active', 'delayed', 'prioritized')
      await eventually(left, (count) => count === 0)
    }
    const entriesOfJob = (rows: readonly object[]) => rows.filter((row) => Reflect.get(row, 'job_id') === id)
    expect(entriesOfJob(await ledger())).toEqual(entriesOfJob(before))
    expect(calls, 'no model is asked for a charged or cancelled job').toBe(1)
    expect(await tollkeeper.service.find(other.id)).toMatchObject({ state: 'cancelled', charged: 0n })
    await expectBooksToBalance(world.database)
  })
})
