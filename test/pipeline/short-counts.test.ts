import { afterEach, describe, expect, it } from 'vitest'
import type { Agent } from '../../src/agents/agent.ts'
import { expectBooksToBalance } from '../support/books.ts'
import {
  BACKENDS_HERE,
  component,
  eventually,
  fundedOrganization,
  openWorld,
  type World,
} from '../support/tollkeeper.ts'

const FEE = [component('fee', { kind: 'agent', agent: 'watcher' }, '1.00')]

describe.each(BACKENDS_HERE)('a stage that only counts, with the queue on %s', (backend) => {
  let world: World
  /** What the row of the input said whenever its job was bounded, which is behind the count. */
  const seen: string[] = []
  let failures = 0
  let hangs = 0
  const watcher: Agent = {
    key: 'watcher',
    async bounds() {
      const [row] = await world.database.query<{ state: string; starts: number }>(
        `select state, starts from tollkeeper.job_stages where stage = 'input'`,
      )
      if (row) seen.push(`${row.state}, begun ${row.starts} times`)
      hangs -= 1
      if (hangs >= 0) return new Promise<null>(() => undefined)
      failures -= 1
      if (failures >= 0) throw new Error('no bounds this time')
      return null
    },
    run: async (text) => ({ text }),
  }
  afterEach(() => world.close())

  async function charge(text: string, failing = 0): Promise<void> {
    world = await openWorld(backend)
    seen.length = 0
    failures = failing
    const tollkeeper = await world.open([watcher])
    await fundedOrganization(tollkeeper, 'acme', '10.00', FEE)
    const { id } = await tollkeeper.service.submit({ organizationId: 'acme', text, agents: ['watcher'] })
    await tollkeeper.startWorkers()
    const job = await eventually(
      () => tollkeeper.service.find(id),
      ({ state }) => state === 'charged' || state === 'failed',
    )
    expect([job.state, job.stages.map(({ state }) => state)]).toEqual(['charged', ['charged', 'charged', 'charged']])
    const charges = await world.database.query(`select 1 from tollkeeper.ledger_entries where kind = 'charge'`)
    expect(charges).toHaveLength(1)
    await expectBooksToBalance(world.database)
  }

  it('counts a short text before it is claimed', async () => {
    await charge('a few words')
    expect(seen).toEqual(['waiting, begun 0 times'])
    expect(await world.database.query(`select starts from tollkeeper.job_stages order by stage`)).toEqual([
      ...[{ starts: 1 }, { starts: 1 }, { starts: 1 }],
    ])
  })

  it('counts a long one under its claim', async () => {
    await charge('many words '.repeat(10_000))
    expect(seen).toEqual(['running, begun 1 times'])
  })

  it('does what takes long again under a claim, which ends in time', async () => {
    hangs = 1
    await charge('a few words')
    expect(seen).toEqual(['waiting, begun 0 times', 'running, begun 1 times'])
  })

  it('does what fails again under a claim, and claims first when the queue job comes again', async () => {
    await charge('a few words', 2)
    expect(seen).toEqual(['waiting, begun 0 times', 'running, begun 1 times', 'running, begun 2 times'])
  })
})
