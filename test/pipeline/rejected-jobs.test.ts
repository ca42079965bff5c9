import { afterEach, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { parseAmount } from '../../src/pricing/money.ts'
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

interface Counted {
  readonly state: string
  readonly jobs: number
}

async function statesOf({ database }: World): Promise<Record<string, number>> {
  const rows = await database.query<Record<string, unknown> & Counted>(
    'select state, count(*)::int as jobs from tollkeeper.jobs group by state',
  )
  return Object.fromEntries(rows.map(({ state, jobs }) => [state, jobs]))
}

const atRest = (states: Record<string, number>): boolean => !states.queued && !states.processing

async function submitMany(tollkeeper: Tollkeeper, organizationId: string, texts: readonly string[]): Promise<string[]> {
  const submitted = texts.map((text) => tollkeeper.service.submit({ organizationId, text, agents: ['repeater'] }))
  return (await Promise.all(submitted)).map((job) => job.id)
}

describe.each(BACKENDS_HERE)('jobs that cannot be paid for, with the queue on %s', (backend) => {
  let world: World
  afterEach(() => world.close())

  it('of 100 at once with money for 37, exactly 37 are charged, and a top-up for 10 resumes exactly the 10 oldest', async () => {
    world = await openWorld(backend)
    const tollkeeper = await world.open([repeater])
    const fee = [component('fee', { kind: 'agent', agent: 'repeater' }, '1.00')]
    await fundedOrganization(tollkeeper, 'acme', '37.00', fee)
    await tollkeeper.startWorkers()
    const texts = Array.from({ length: 100 }, (_, index) => `text ${index}`)
    await submitMany(tollkeeper, 'acme', texts)

    const settled = await eventually(() => statesOf(world), atRest, 60_000)
    expect(settled).toEqual({ charged: 37, rejected_for_balance: 63 })
    const parked = await world.database.query<{ id: string }>(
      `select id from tollkeeper.jobs where state = 'rejected_for_balance' order by parked_at, id`,
    )
    const { charged: chargedBefore } = await moneyOf(world)
    const funding = await tollkeeper.balances.topUp('acme', {
      amount: parseAmount('10.00'),
      reference: 'second',
      note: null,
    })
    const oldest = parked.slice(0, 10).map(({ id }) => id)
    expect(funding.resumedJobs).toEqual(oldest)

    expect(await eventually(() => statesOf(world), atRest, 30_000)).toEqual({ charged: 47, rejected_for_balance: 53 })
    const nowCharged = await world.database.query<{ id: string }>(
      `select id from tollkeeper.jobs where state = 'charged' and id = any ($1)`,
      [oldest],
    )
    expect(nowCharged).toHaveLength(10)
    expect(chargedBefore).toBe('37000000000')
    expect(await moneyOf(world)).toEqual({ available: '0', held: '0', charged: '47000000000' })
    await expectBooksToBalance(world.database)
    await expectOneCardPerParkedJob(tollkeeper, world)
  })

  it('with a loose quote nothing is overdrawn, and at rest no parked job would fit', async () => {
    world = await openWorld(backend)
    // The output is quoted with 1,024 tokens and uses a handful: the hold is far above the charge.
    const tollkeeper = await world.open([repeater])
    const prices = [component('output', { kind: 'output_tokens' }, '1000.00')]
    await fundedOrganization(tollkeeper, 'acme', '5.00', prices)
    await tollkeeper.startWorkers()
    const texts = Array.from({ length: 40 }, (_, index) => 'a few words '.repeat(20 + ((index * 37) % 300)))
    await submitMany(tollkeeper, 'acme', texts)

    const quote = parseAmount('1.024')
    const seen = await eventually(
      async () => {
        const { available, held } = await moneyOf(world)
        return { states: await statesOf(world), available: BigInt(available), held }
      },
      // A wake between the two looks holds money that the states do not show yet.
      ({ states, available, held }) =>
        atRest(states) && held === '0' && (!states.rejected_for_balance || available < quote),
      60_000,
    )
    expect(seen.available).toBeGreaterThanOrEqual(0n)
    expect(seen.states.charged).toBeGreaterThan(4)
    expect(seen.states.rejected_for_balance).toBeGreaterThan(0)
    expect((await moneyOf(world)).held).toBe('0')
    await expectBooksToBalance(world.database)
  })

  it('a rejected job says what it needs, and waits for its top-up without a hold', async () => {
    world = await openWorld(backend)
    const tollkeeper = await world.open([repeater])
    const fee = [component('fee', { kind: 'agent', agent: 'repeater' }, '1.00')]
    await fundedOrganization(tollkeeper, 'acme', '0.25', fee)
    await tollkeeper.startWorkers()
    const [id = ''] = await submitMany(tollkeeper, 'acme', ['text'])
    const find = () => tollkeeper.service.find(id)
    const parked = await eventually(find, (job) => job.state === 'rejected_for_balance')
    expect(parked).toMatchObject({
      stage: 'input',
      held: 0n,
      charged: 0n,
      rejection: { reason: 'insufficient', needed: 1_000_000_000n, available: 250_000_000n, missing: 750_000_000n },
    })
    await tollkeeper.balances.topUp('acme', { amount: parseAmount('0.75'), reference: 'rest', note: null })
    const charged = await eventually(find, (job) => job.state === 'charged')
    expect(charged).toMatchObject({ rejection: null, charged: 1_000_000_000n, result: { text: 'text' } })
    await expectBooksToBalance(world.database)
    await expectOneCardPerParkedJob(tollkeeper, world)
  })
})

async function moneyOf({ database }: World): Promise<{ available: string; held: string; charged: string }> {
  const [row] = await database.query<{ available: string; held: string; charged: string }>(
    `select available::text, held::text, (select coalesce(sum(charged), 0)::text from tollkeeper.jobs) as charged
     from tollkeeper.organization_balances where organization_id = 'acme'`,
  )
  if (!row) throw new Error('acme has a balance')
  return row
}

/** Cards follow with the next sweep at the latest. */
async function expectOneCardPerParkedJob({ queues }: Tollkeeper, { database }: World): Promise<void> {
  const parked = await database.query<{ id: string }>(
    `select id from tollkeeper.jobs where state = 'rejected_for_balance' order by id`,
  )
  const cards = await eventually(
    async () => {
      const found: string[] = []
      for await (const page of queues.listCards()) found.push(...page.map((card) => card.jobId))
      return found.sort()
    },
    (found) => found.join() === parked.map(({ id }) => id).join(),
  )
  expect(cards).toHaveLength(parked.length)
}
