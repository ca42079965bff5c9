import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import type { JobOf } from '../../src/managers/token-based-billing.manager.ts'
import { parseAmount } from '../../src/pricing/money.ts'
import type { BoundedStage } from '../../src/pricing/quote.ts'
import { expectBooksToBalance } from '../support/books.ts'
import { component, eventually, fundedOrganization, openWorld, repeater, type World } from '../support/tollkeeper.ts'
import { publishAndOrder, workOffAll } from './plan-world.ts'

const FEE = component('fee', { kind: 'agent', agent: 'repeater' }, '1.00')
const INPUT = component('input', { kind: 'input_tokens', per: 1, included: 8 }, '0.10')
const BOUNDS: readonly BoundedStage[] = [
  { stage: 'input', bound: { kind: 'input', tokens: 5 } },
  { stage: 'agent.repeater', bound: { kind: 'agent', agent: 'repeater', llm: null } },
  { stage: 'output', bound: { kind: 'output', maxTokens: 10 } },
]

/** Versions come and go under jobs that run: what a job was admitted with is what it pays. */
describe('a version that is published while jobs run', () => {
  let world: World
  let tollkeeper: Tollkeeper
  beforeAll(async () => {
    world = await openWorld('postgres')
    tollkeeper = await world.open([repeater])
  })
  afterAll(() => world.close())

  const planOf = async (id: string) => (await tollkeeper.organizations.find(tollkeeper.em(), id)).tariffId ?? ''
  const begin = async (organizationId: string): Promise<JobOf> => {
    const of = await tollkeeper.openJob({ organizationId, agents: ['repeater'] })
    expect(await tollkeeper.billing.admit(of, BOUNDS)).toMatchObject({ kind: 'admitted' })
    return of
  }
  const end = async (of: JobOf) => {
    const { billing } = tollkeeper
    await billing.settle({ ...of, stage: 'agent.repeater' }, { kind: 'agent', agent: 'repeater', llm: [] })
    await billing.settle({ ...of, stage: 'output' }, { kind: 'output', tokens: 1 })
    await billing.release(of)
    const { tariffVersion, charged } = await tollkeeper.service.find(of.jobId)
    return { version: tariffVersion, charged }
  }
  /** Doubles the fee in a new version. */
  const dearer = async (id: string, price: string) => {
    const planId = await planOf(id)
    const { inTransaction, tariffs } = tollkeeper
    await inTransaction((em) => tariffs.updateComponent(em, planId, 'fee', { price: parseAmount(price) }))
    return publishAndOrder(tollkeeper, planId, {}, 'now')
  }

  it('each job keeps its version, new ones get the new one, and the counters of the period go on', async () => {
    await fundedOrganization(tollkeeper, 'runs', '20.00', [FEE, INPUT])
    const before = await begin('runs')
    await dearer('runs', '2.00')
    const between = await begin('runs')
    await workOffAll(tollkeeper)
    const after = await begin('runs')
    const period = await tollkeeper.organizations.find(tollkeeper.em(), 'runs')
    // Of 15 tokens of input 8 are included, in the order of admission: 5 of the first job, 3 of the second.
    expect([await end(before), await end(between), await end(after)]).toEqual([
      { version: 1, charged: parseAmount('1.00') },
      { version: 1, charged: parseAmount('1.20') },
      { version: 2, charged: parseAmount('2.50') },
    ])
    const counters = await world.database.query(
      `select component, used::int, included_used::int from tollkeeper.usage_counters where organization_id = 'runs'
       order by component`,
    )
    expect(counters).toEqual([
      { component: 'fee', used: 3, included_used: 0 },
      { component: 'input', used: 15, included_used: 8 },
    ])
    expect(period).toMatchObject({ tariffVersion: 2 })
    expect((await tollkeeper.verifier.verify()).violations).toEqual([])
    await expectBooksToBalance(world.database)
  })

  it('jobs that are admitted and settled while their organisation is moved pay one version or the other, never both', async () => {
    await fundedOrganization(tollkeeper, 'mixed', '500.00', [FEE])
    const prices = ['1.00', '2.00', '3.00', '4.00']
    const working = Array.from({ length: 60 }, async () => end(await begin('mixed')))
    for (const price of prices.slice(1)) {
      await dearer('mixed', price)
      await workOffAll(tollkeeper)
      working.push(...Array.from({ length: 20 }, async () => end(await begin('mixed'))))
    }
    for (const { version, charged } of await Promise.all(working)) {
      expect(charged).toBe(parseAmount(prices[(version ?? 0) - 1] ?? '0'))
    }
    expect(await end(await begin('mixed'))).toEqual({ version: 4, charged: parseAmount('4.00') })
    expect((await tollkeeper.verifier.verify()).violations).toEqual([])
    await expectBooksToBalance(world.database)
  })
})

describe('a move that the sweep works off', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld('postgres')
  })
  afterAll(() => world.close())

  it('resumes parked jobs at the new price, without a top-up; what was admitted before resumes at its own', async () => {
    const tollkeeper = await world.open([repeater])
    await fundedOrganization(tollkeeper, 'cheap', '1.50', [{ ...FEE, price: parseAmount('2.00') }])
    await tollkeeper.startWorkers()
    const { id } = await tollkeeper.service.submit({ organizationId: 'cheap', text: 'text', agents: ['repeater'] })
    const find = () => tollkeeper.service.find(id)
    const parked = await eventually(find, ({ state }) => state === 'rejected_for_balance')
    expect(parked).toMatchObject({ tariffVersion: null, rejection: { missing: parseAmount('0.50') } })
    const planId = (await tollkeeper.organizations.find(tollkeeper.em(), 'cheap')).tariffId ?? ''
    const { inTransaction, tariffs } = tollkeeper
    await inTransaction((em) => tariffs.updateComponent(em, planId, 'fee', { price: parseAmount('1.25') }))
    await publishAndOrder(tollkeeper, planId, {}, 'now')
    const charged = await eventually(find, ({ state }) => state === 'charged')
    expect(charged).toMatchObject({ tariffVersion: 2, charged: parseAmount('1.25') })
    expect((await tollkeeper.verifier.verify()).violations).toEqual([])
    await expectBooksToBalance(world.database)
  })
})
