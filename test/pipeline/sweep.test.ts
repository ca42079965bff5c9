import { afterEach, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
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

async function obliterate({ queues }: Tollkeeper): Promise<void> {
  for (const queue of queues.boardQueues()) await queue.obliterate({ force: true })
}

async function cardsOf({ queues }: Tollkeeper): Promise<readonly string[]> {
  const found: string[] = []
  for await (const page of queues.listCards()) found.push(...page.map(({ jobId }) => jobId))
  return found
}

describe.each(BACKENDS_HERE)('the sweep, with the queue on %s', (backend) => {
  let world: World
  afterEach(() => world.close())

  async function start(money: string, env: Readonly<Record<string, string>> = {}): Promise<Tollkeeper> {
    world = await openWorld(backend, env)
    const tollkeeper = await world.open([repeater])
    await fundedOrganization(tollkeeper, 'acme', money, FEE)
    return tollkeeper
  }
  const submit = async ({ service }: Tollkeeper): Promise<string> => {
    return (await service.submit({ organizationId: 'acme', text: 'text', agents: ['repeater'] })).id
  }
  const state = async ({ service }: Tollkeeper, id: string) => (await service.find(id)).state

  it('delivers jobs again that the queue has forgotten, and they are charged once', async () => {
    const tollkeeper = await start('10.00')
    const ids = await Promise.all([submit(tollkeeper), submit(tollkeeper), submit(tollkeeper)])
    await eventually(
      async () => (await tollkeeper.queues.boardQueues()[0]?.getJobCountByTypes('waiting')) ?? 0,
      (waiting) => waiting === 3,
    )
    await obliterate(tollkeeper)
    await tollkeeper.startWorkers()
    for (const id of ids)
      await eventually(
        () => state(tollkeeper, id),
        (seen) => seen === 'charged',
      )
    const balance = await tollkeeper.balances.balance(tollkeeper.em(), 'acme')
    expect(balance).toMatchObject({ available: 7_000_000_000n, held: 0n })
    await expectBooksToBalance(world.database)
  })

  it('puts a lost card back, and takes away one that stands for nothing', async () => {
    const tollkeeper = await start('0')
    await tollkeeper.startWorkers()
    const id = await submit(tollkeeper)
    await eventually(
      () => state(tollkeeper, id),
      (seen) => seen === 'rejected_for_balance',
    )
    await eventually(
      () => cardsOf(tollkeeper),
      (cards) => cards.join() === id,
    )
    await obliterate(tollkeeper)
    await eventually(
      () => cardsOf(tollkeeper),
      (cards) => cards.join() === id,
    )
    await tollkeeper.service.cancel(id)
    expect(
      await eventually(
        () => cardsOf(tollkeeper),
        (cards) => cards.length === 0,
      ),
    ).toEqual([])
    expect(await state(tollkeeper, id)).toBe('cancelled')
  })

  it('ends a parked job whose time to be paid is over, and forgets texts when it is told to', async () => {
    const tollkeeper = await start('0', { TEXT_RETENTION_DAYS: '1' })
    await tollkeeper.startWorkers()
    const id = await submit(tollkeeper)
    await eventually(
      () => state(tollkeeper, id),
      (seen) => seen === 'rejected_for_balance',
    )
    await world.database.query(`update tollkeeper.jobs set expires_at = now() - interval '1 second'`)
    await eventually(
      () => state(tollkeeper, id),
      (seen) => seen === 'cancelled',
    )
    expect(await world.database.query('select 1 from tollkeeper.job_texts')).toHaveLength(1)
    await world.database.query(`update tollkeeper.jobs set finished_at = now() - interval '25 hours'`)
    const texts = () => world.database.query('select 1 from tollkeeper.job_texts')
    expect(await eventually(texts, (rows) => rows.length === 0)).toEqual([])
    expect(await state(tollkeeper, id)).toBe('cancelled')
  })

  it('a Retry on the board asks the balance again: refused it fails with the reason, paid it resumes', async () => {
    const tollkeeper = await start('0.40')
    await tollkeeper.startWorkers()
    const id = await submit(tollkeeper)
    const cards = tollkeeper.queues.boardQueues().find(({ name }) => name === 'billing.rejected-for-balance')
    const failed = async () => (await cards?.getFailed())?.[0]
    const card = await eventually(failed, (job) => job !== undefined)
    expect(card?.failedReason).toBe('needs 1.00 USD, 0.40 available, short by 0.60; a top-up resumes it')
    await card?.retry()
    const again = await eventually(failed, (job) => (job?.attemptsMade ?? 0) > 1)
    expect(again?.failedReason).toMatch(/short by 0.60/)
    expect(await state(tollkeeper, id)).toBe('rejected_for_balance')
    // The limit is raised behind the wake's back: only the Retry or a sweep sees it.
    await world.database.query(`update tollkeeper.organization_balances set overdraft_limit = 600000000`)
    await again?.retry().catch(() => undefined)
    await eventually(
      () => state(tollkeeper, id),
      (seen) => seen === 'charged',
    )
    const balance = await tollkeeper.balances.balance(tollkeeper.em(), 'acme')
    expect(balance).toMatchObject({ available: -600_000_000n, held: 0n, parked: 0 })
    await expectBooksToBalance(world.database)
  })
})
