import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { Notifications } from '../../src/database/notifications.ts'
import { createLogger } from '../../src/foundation/logger.ts'
import type { JobOf } from '../../src/managers/token-based-billing.manager.ts'
import { parseAmount } from '../../src/pricing/money.ts'
import type { BoundedStage } from '../../src/pricing/quote.ts'
import { expectBooksToBalance } from '../support/books.ts'
import { component, eventually, fundedOrganization, openWorld, repeater, type World } from '../support/tollkeeper.ts'

/** An output token costs 1.00, a model's token too, once the free ones of a period are gone. */
const PRICES = [
  component('out', { kind: 'output_tokens', included: 10 }, '1000000'),
  component('llm-in', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'input', included: 10 }, '1000000'),
  component('llm-out', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'output' }, '0'),
]
const ONE = parseAmount('1.00')
const FORTY = Array.from({ length: 40 })

function boundsOf(prompt: number, output: number): readonly BoundedStage[] {
  const llm = { model: 'm', calls: 1, promptTokens: prompt, maxOutputTokens: 1 }
  return [
    { stage: 'input', bound: { kind: 'input', tokens: 5 } },
    { stage: 'agent.repeater', bound: { kind: 'agent', agent: 'repeater', llm } },
    { stage: 'output', bound: { kind: 'output', maxTokens: output } },
  ]
}

// Neither workers nor a sweep run here: whatever is resumed, a notice of the money transaction did it.
describe('a notice that money is free', () => {
  let world: World
  let tollkeeper: Tollkeeper
  let notifications: Notifications
  /** The walks' pages: what each resumed. */
  let pages: (readonly string[])[]

  beforeEach(async () => {
    world = await openWorld('postgres')
    tollkeeper = await world.open([repeater])
    notifications = new Notifications(world.database.appUrl, createLogger('error'))
    await notifications.open()
    tollkeeper.waker.listen(notifications)
    pages = []
    const { billing } = tollkeeper
    const wake = billing.wake.bind(billing)
    billing.wake = async function* (...asked) {
      for await (const page of wake(...asked)) {
        pages.push(page.resumed.map(({ jobId }) => jobId))
        yield page
      }
    }
  })
  afterEach(async () => {
    await notifications.close()
    await tollkeeper.waker.drain()
    await world.close()
  })

  /** A job that holds money, in the hands of a platform's own worker. */
  async function hold(prompt: number, output: number): Promise<JobOf> {
    const of = await tollkeeper.openJob({ organizationId: 'acme', agents: ['repeater'] })
    expect(await tollkeeper.billing.admit(of, boundsOf(prompt, output))).toMatchObject({ kind: 'admitted' })
    return of
  }
  async function park(prompt: number, output: number): Promise<string> {
    const { id } = await tollkeeper.service.submit({ organizationId: 'acme', text: 'text', agents: ['repeater'] })
    const verdict = await tollkeeper.billing.admit({ organizationId: 'acme', jobId: id }, boundsOf(prompt, output))
    expect(verdict).toMatchObject({ kind: 'refused' })
    return id
  }
  /** The versions of the rows of parked jobs: a row that was written has another. */
  const parkedRows = () =>
    world.database.query(`select id, xmin::text from tollkeeper.jobs where state = 'rejected_for_balance' order by id`)
  const stateOf = async (id: string) => (await tollkeeper.service.find(id)).state
  /** Behind the back of whoever would be woken. */
  const allowOverdraft = (amount: bigint) =>
    world.database.query('update tollkeeper.organization_balances set overdraft_limit = $1', [String(amount * ONE)])
  const heard = () =>
    eventually(
      async () => pages.length,
      (count) => count > 0,
    )

  it('of a burst costs a walk or two that read and write no job that cannot fit, however many are parked', async () => {
    await fundedOrganization(tollkeeper, 'acme', '80.00', PRICES)
    // Free units go first: the first holds take them, and use them up.
    const holds = [await hold(0, 10)]
    for (const _ of FORTY) holds.push(await hold(0, 2))
    await Promise.all(Array.from({ length: 150 }, () => park(0, 200)))
    const before = await parkedRows()
    await Promise.all(holds.map((of) => tollkeeper.billing.settle({ ...of, stage: 'agent.repeater' }, NO_MODEL)))
    await Promise.all(holds.map((of) => tollkeeper.billing.settle({ ...of, stage: 'output' }, outputOf(1))))
    await Promise.all(holds.map((of) => tollkeeper.billing.release(of)))
    await heard()
    await tollkeeper.waker.drain()
    expect(before).toHaveLength(150)
    expect(await parkedRows()).toEqual(before)
    expect(pages.flat()).toEqual([])
    expect(pages.length).toBeLessThanOrEqual(3)
    pages.length = 0
    await Promise.all(FORTY.map(() => tollkeeper.waker.wake('acme', 'fitting')))
    expect(pages, 'one walk for the first, one for all who came meanwhile').toHaveLength(2)
    await expectBooksToBalance(world.database)
  })

  it('finds the few that fit behind a hundred that do not, in one page, and in their order', async () => {
    await fundedOrganization(tollkeeper, 'acme', '5.00', PRICES)
    const held = await hold(0, 15)
    const large = await Promise.all(Array.from({ length: 120 }, () => park(0, 200)))
    const small = [await park(0, 2), await park(0, 2), await park(0, 2)]
    // Its ten free units come back with it, which is enough for the three.
    await tollkeeper.billing.cancel(held)
    await eventually(
      () => stateOf(small[2] ?? ''),
      (state) => state === 'processing',
    )
    expect(pages[0]).toEqual(small)
    expect(pages.slice(1).flat()).toEqual([])
    expect(await Promise.all([large[0], large[119]].map((id = '') => stateOf(id)))).toEqual([
      'rejected_for_balance',
      'rejected_for_balance',
    ])
    await expectBooksToBalance(world.database)
  })

  it('in the same batch as a walk is for the next one: what it frees goes to the oldest whom it helps', async () => {
    await fundedOrganization(tollkeeper, 'acme', '5.00', PRICES)
    await tollkeeper.billing.settle({ ...(await hold(0, 10)), stage: 'output' }, outputOf(10))
    const held = await hold(0, 5)
    const [old, first, second] = [await park(0, 6), await park(0, 4), await park(0, 4)]
    await allowOverdraft(5n)
    await Promise.all([tollkeeper.billing.cancel(held), tollkeeper.waker.wake('acme', 'fitting')])
    expect(pages[0]).toEqual([first])
    await eventually(
      () => stateOf(old),
      (state) => state === 'processing',
    )
    expect(await stateOf(second)).toBe('rejected_for_balance')
    await expectBooksToBalance(world.database)
  })

  it('leaves nothing parked that included units make affordable: promised ones that were not needed', async () => {
    await fundedOrganization(tollkeeper, 'acme', '1.00', PRICES)
    await allowOverdraft(4n)
    const held = await hold(0, 10)
    const parked = await park(0, 12)
    expect((await tollkeeper.service.find(parked)).rejection).toMatchObject({ needed: 12n * ONE, available: ONE })
    await tollkeeper.billing.cancel(held)
    await eventually(
      () => stateOf(parked),
      (state) => state === 'processing',
    )
    expect((await tollkeeper.service.find(parked)).held).toBe(2n * ONE)
    await expectBooksToBalance(world.database)
  })

  it('leaves nothing parked that included units make affordable: used ones of a job that failed', async () => {
    await fundedOrganization(tollkeeper, 'acme', '5.00', PRICES)
    const held = await hold(10, 0)
    const classes = { input: 10 }
    const usage = { kind: 'agent', agent: 'repeater', llm: [{ model: 'm', source: 'reported', classes }] } as const
    await tollkeeper.billing.settle({ ...held, stage: 'agent.repeater' }, usage)
    const parked = await park(12, 0)
    expect((await tollkeeper.service.find(parked)).rejection).toMatchObject({ needed: 12n * ONE, available: 5n * ONE })
    await tollkeeper.waker.wake('acme', 'all')
    expect(await stateOf(parked), 'the free units are used').toBe('rejected_for_balance')
    await tollkeeper.billing.reverse(held, { code: 'agent-error', stage: 'output', detail: 'it broke' })
    await eventually(
      () => stateOf(parked),
      (state) => state === 'processing',
    )
    expect((await tollkeeper.service.find(parked)).held).toBe(2n * ONE)
    await expectBooksToBalance(world.database)
  })
})

const NO_MODEL = { kind: 'agent', agent: 'repeater', llm: [] } as const
const outputOf = (tokens: number) => ({ kind: 'output', tokens }) as const
