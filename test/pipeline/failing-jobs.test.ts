import { afterEach, describe, expect, it } from 'vitest'
import type { Agent } from '../../src/agents/agent.ts'
import type { Tollkeeper } from '../../src/composition.ts'
import { newId } from '../../src/foundation/ids.ts'
import { expectBooksToBalance } from '../support/books.ts'
import {
  BACKENDS_HERE,
  component,
  eventually,
  fundedOrganization,
  openWorld,
  repeater,
  type World,
} from '../support/tollkeeper.ts'

const PRICES = [
  component('input', { kind: 'input_tokens' }, '1000.00'),
  component('fee', { kind: 'agent', agent: 'repeater' }, '0.50'),
  component('broken-fee', { kind: 'agent', agent: 'broken' }, '0.50'),
]
const broken: Agent = {
  key: 'broken',
  bounds: () => null,
  run: async () => {
    throw new Error(`it broke\u0000 ${'x'.repeat(5_000)}`)
  },
}

describe.each(BACKENDS_HERE)('jobs that do not end well, with the queue on %s', (backend) => {
  let world: World
  afterEach(() => world.close())

  async function start(terms: { chargeOnFailure?: 'none' | 'finished_stages' } = {}): Promise<Tollkeeper> {
    world = await openWorld(backend)
    const tollkeeper = await world.open([repeater, broken])
    await fundedOrganization(tollkeeper, 'acme', '10.00', PRICES, terms)
    await tollkeeper.startWorkers()
    return tollkeeper
  }

  const finish = (tollkeeper: Tollkeeper, id: string) =>
    eventually(
      () => tollkeeper.service.find(id),
      ({ state }) => state === 'failed' || state === 'charged' || state === 'cancelled',
      30_000,
    )

  it('a job whose agent always throws fails after its attempts and costs nothing', async () => {
    const tollkeeper = await start()
    const { id } = await tollkeeper.service.submit({
      organizationId: 'acme',
      text: 'text',
      agents: ['broken', 'repeater'],
    })
    const job = await finish(tollkeeper, id)
    expect(job).toMatchObject({
      state: 'failed',
      charged: 0n,
      held: 0n,
      failure: { code: 'agent-error', stage: 'agent.broken' },
    })
    expect(job.failure?.detail).not.toContain('\u0000')
    expect(job.failure?.detail.length).toBeLessThan(600)
    const receipt = await tollkeeper.jobs.receipt(tollkeeper.em(), id)
    expect(receipt.charged).toBeGreaterThan(0n)
    expect(receipt.reversed).toBe(receipt.charged)
    expect(receipt.total).toBe(0n)
    expect(await tollkeeper.balances.balance(tollkeeper.em(), 'acme')).toMatchObject({ available: 10_000_000_000n })
    await expectBooksToBalance(world.database)
  })

  it('a plan that charges finished stages keeps them and gives the rest back', async () => {
    const tollkeeper = await start({ chargeOnFailure: 'finished_stages' })
    const { id } = await tollkeeper.service.submit({ organizationId: 'acme', text: 'text', agents: ['broken'] })
    const job = await finish(tollkeeper, id)
    expect(job).toMatchObject({ state: 'failed', held: 0n })
    expect(job.charged).toBe(job.stages[0]?.charged)
    expect(job.charged).toBeGreaterThan(0n)
    await expectBooksToBalance(world.database)
  })

  it('a queue job with foreign or broken data is a dead end with its reason, and nothing is charged', async () => {
    const tollkeeper = await start()
    const { id } = await tollkeeper.service.submit({ organizationId: 'acme', text: 'text', agents: ['repeater'] })
    await finish(tollkeeper, id)
    const before = await world.database.query('select * from tollkeeper.ledger_entries order by organization_id, seq')
    const queue = tollkeeper.queues.boardQueues().find(({ name }) => name === 'pipeline.agent')
    if (!queue) throw new Error('there is a queue for agents')
    const injected: readonly unknown[] = [
      null,
      'a string',
      { jobId: newId(), stage: 'agent.repeater' },
      { jobId: id, stage: 'agent.unknown' },
      { jobId: id, stage: 'input' },
      { jobId: id, stage: 'agent.repeater', organizationId: 'other', price: 0 },
      { jobId: "' or 1=1 --", stage: 'output' },
    ]
    await queue.addBulk(
      injected.map((data, index) => ({ name: `injected ${index}`, data, opts: { jobId: `bad-${index}` } })),
    )
    const failed = await eventually(
      () => queue.getFailed(),
      (jobs) => jobs.length === injected.length,
    )
    for (const job of failed) expect(job.failedReason).toMatch(/nothing was done/)
    // A charged stage that is delivered once more only shows its charge again.
    await queue.add('again', { jobId: id, stage: 'agent.repeater' }, { jobId: 'again' })
    await eventually(
      async () => (await queue.getJob('again'))?.returnvalue ?? null,
      (value) => value !== null,
    )
    expect((await queue.getJob('again'))?.returnvalue).toEqual({ label: '0 tokens · charged 0.50 USD' })
    expect(await world.database.query('select * from tollkeeper.ledger_entries order by organization_id, seq')).toEqual(
      before,
    )
    await expectBooksToBalance(world.database)
  })

  it('a cancelled job keeps what was finished and gives the rest back; a final one cannot be cancelled', async () => {
    const tollkeeper = await start()
    const { id } = await tollkeeper.service.submit({ organizationId: 'acme', text: 'text', agents: ['broken'] })
    await eventually(
      () => tollkeeper.service.find(id),
      ({ stages }) => stages[0]?.state === 'charged',
    )
    const job = await tollkeeper.service.cancel(id)
    expect(job).toMatchObject({ state: 'cancelled', held: 0n, failure: null })
    expect(job.charged).toBe(job.stages[0]?.charged)
    await expect(tollkeeper.service.cancel(id)).rejects.toMatchObject({ code: 'job-finished', status: 409 })
    await expectBooksToBalance(world.database)
  })
})
