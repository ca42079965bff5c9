import { afterEach, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { newId } from '../../src/foundation/ids.ts'
import { parseAmount } from '../../src/pricing/money.ts'
import { openBackend } from '../queues/queue-servers.ts'
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

const FEE = [component('fee', { kind: 'agent', agent: 'repeater' }, '1.00')]
const CARDS = 'billing.rejected-for-balance'

describe.each(BACKENDS_HERE)('one failed card per parked job, with the queue on %s', (backend) => {
  let world: World
  afterEach(() => world.close())

  async function start(jobs: number): Promise<{ tollkeeper: Tollkeeper; ids: string[] }> {
    world = await openWorld(backend)
    const tollkeeper = await world.open([repeater])
    await fundedOrganization(tollkeeper, 'acme', '0', FEE)
    await tollkeeper.startWorkers()
    const submit = () => tollkeeper.service.submit({ organizationId: 'acme', text: 'text', agents: ['repeater'] })
    const ids = await Promise.all(Array.from({ length: jobs }, async () => (await submit()).id))
    await expectCards(tollkeeper, ids)
    return { tollkeeper, ids: ids.toSorted() }
  }
  const cardsOf = ({ queues }: Tollkeeper) => {
    const found = queues.boardQueues().find(({ name }) => name === CARDS)
    if (!found) throw new Error('there is a queue of cards')
    return found
  }
  /** Everything that stands in the queue of cards is one failed card per id. */
  const expectCards = async (tollkeeper: Tollkeeper, ids: readonly string[]) => {
    const states = ['failed', 'waiting', 'active', 'delayed', 'prioritized', 'completed'] as const
    const shown = async () => {
      const all = await cardsOf(tollkeeper).getJobs([...states])
      const failed = await cardsOf(tollkeeper).getFailed()
      return { all: all.map((card) => card?.id).toSorted(), failed: failed.map((card) => card?.id).toSorted() }
    }
    const expected = ids.map((id) => `${id}.card.0`).toSorted()
    const seen = await eventually(
      shown,
      ({ all, failed }) => all.join() === expected.join() && failed.join() === expected.join(),
    )
    expect(seen.failed).toEqual(expected)
  }

  it('after the queue was obliterated, a card was removed, copied, or stands for nothing', async () => {
    const { tollkeeper, ids } = await start(4)
    const cards = cardsOf(tollkeeper)
    const [first = '', second = ''] = ids
    await cards.obliterate({ force: true })
    await expectCards(tollkeeper, ids)
    await cards.remove(`${first}.card.0`)
    await expectCards(tollkeeper, ids)
    await cards.add('a copy', { jobId: second, stage: 'input' }, { jobId: 'copy' })
    await cards.add('of another parking', { jobId: second, stage: 'input' }, { jobId: `${second}.card.7` })
    const nobody = newId()
    await cards.add('of no job', { jobId: nobody, stage: 'input' }, { jobId: `${nobody}.card.0` })
    await expectCards(tollkeeper, ids)
    expect(await tollkeeper.balances.balance(tollkeeper.em(), 'acme')).toMatchObject({ parked: 4, held: 0n })
  })

  it('after somebody else completed one, which would say that it is charged', async () => {
    const { tollkeeper, ids } = await start(1)
    const cards = cardsOf(tollkeeper)
    const url = world.env[backend === 'redis' ? 'REDIS_URL' : 'DATABASE_URL'] ?? ''
    const foreign = openBackend({ kind: backend, url })
    const taken: string[] = []
    foreign.newWorker(CARDS, async (job) => void taken.push(job.id ?? ''), { concurrency: 5, drainDelay: 1 })
    await eventually(
      async () => {
        await (await cards.getJob(`${ids[0]}.card.0`))?.retry().catch(() => undefined)
        return taken.length
      },
      (count) => count > 0,
    )
    await foreign.close()
    await expectCards(tollkeeper, ids)
  })

  it('after Retries in a race with a top-up, and after jobs were cancelled and expired while parked', async () => {
    const { tollkeeper, ids } = await start(6)
    const cards = cardsOf(tollkeeper)
    const [cancelled = '', expired = ''] = ids
    await tollkeeper.service.cancel(cancelled)
    await world.database.query(`update tollkeeper.jobs set expires_at = now() where id = $1`, [expired])
    await expectCards(tollkeeper, ids.slice(2))
    const retries = ids.slice(2).map(async (id) => (await cards.getJob(`${id}.card.0`))?.retry().catch(() => undefined))
    const topUp = tollkeeper.balances.topUp('acme', { amount: parseAmount('3.00'), reference: 'three', note: null })
    await Promise.all([...retries, topUp])
    const states = async () => {
      const rows = await world.database.query<{ id: string; state: string }>('select id, state from tollkeeper.jobs')
      return rows.toSorted((a, b) => a.id.localeCompare(b.id)).map(({ state }) => state)
    }
    const atRest = await eventually(states, (seen) => seen.filter((state) => state === 'charged').length === 3)
    expect(atRest.slice(0, 2)).toEqual(['cancelled', 'cancelled'])
    expect(atRest.filter((state) => state === 'rejected_for_balance')).toHaveLength(1)
    const parked = await world.database.query<{ id: string }>(
      `select id from tollkeeper.jobs where state = 'rejected_for_balance'`,
    )
    await expectCards(
      tollkeeper,
      parked.map(({ id }) => id),
    )
    expect(await tollkeeper.balances.balance(tollkeeper.em(), 'acme')).toMatchObject({ available: 0n, held: 0n })
    await expectBooksToBalance(world.database)
  })
})
