import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { Batcher } from '../../src/database/money/batcher.ts'
import { moneyTransaction } from '../../src/database/money/money-transaction.ts'
import { TariffCache } from '../../src/database/money/tariff-cache.ts'
import { openMoneyPool } from '../../src/database/pool.ts'
import { newId } from '../../src/foundation/ids.ts'
import { expectBooksToBalance } from '../support/books.ts'
import { component, fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'

describe('a COMMIT whose answer is lost', () => {
  let world: World
  let tollkeeper: Tollkeeper
  let pool: pg.Pool
  beforeAll(async () => {
    world = await openWorld('postgres')
    tollkeeper = await world.open()
    pool = openMoneyPool(world.database.appUrl, 4)
    pool.on('error', () => undefined)
  })
  afterAll(async () => {
    await pool.end()
    await world.close()
  })

  /** The real money path; a lossy one stores each batch and then says that the connection was reset, every first time. */
  function openBatcher(isLossy: boolean): { batcher: Batcher; lost: () => number } {
    const tariffs = new TariffCache()
    let runs = 0
    const batcher = new Batcher(async (calls) => {
      const verdicts = await moneyTransaction(pool, tariffs, calls)
      runs += 1
      if (isLossy && runs % 2 === 1) throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
      return verdicts
    })
    return { batcher, lost: () => Math.ceil(runs / 2) }
  }

  /** One of every kind of call that moves money, each after the other, and what the caller hears of it. */
  async function story(organizationId: string, batcher: Batcher): Promise<readonly string[]> {
    const components = [component('out', { kind: 'output_tokens' }, '1000.00')]
    await fundedOrganization(tollkeeper, organizationId, '1.00', components, { memberPrice: '0.10' })
    const jobs = await Promise.all([0, 1].map(() => tollkeeper.openJob({ organizationId, agents: ['x'] })))
    const [first, second] = jobs as [
      { organizationId: string; jobId: string },
      { organizationId: string; jobId: string },
    ]
    const bounds = [
      { stage: 'input', bound: { kind: 'input', tokens: 1 } },
      { stage: 'agent.x', bound: { kind: 'agent', agent: 'x', llm: null } },
      { stage: 'output', bound: { kind: 'output', maxTokens: 10 } },
    ] as const
    const limits = { bounds, outputLimit: 1_024, parkedExpiresMs: 1_000 }
    const usage = { kind: 'output', tokens: 5 } as const
    const failure = { code: 'agent-error', stage: 'output', detail: 'it broke' } as const
    const funds = { organizationId, note: null }
    const kinds = [
      await batcher.decide('top_up', { ...funds, amount: 7n, reference: 'more' }),
      await batcher.decide('adjust', { ...funds, amount: 3n, reference: 'fix', direction: 'debit' }),
      await batcher.decide('add_member', { organizationId, userId: 'u', role: 'member', operation: newId() }),
      await batcher.decide('admit', { ...first, ...limits }),
      await batcher.decide('admit', { ...second, ...limits }),
      await batcher.decide('settle', { ...first, stage: 'output', usage, result: null }),
      await batcher.decide('settle', { ...second, stage: 'output', usage: { ...usage, tokens: 4 }, result: null }),
    ]
    await batcher.decide('complete', second)
    await batcher.decide('reverse', { ...first, failure })
    return kinds.map(({ kind }) => kind)
  }

  it('moves the same money as one that is heard: nothing is paid twice, and nothing is missing', async () => {
    const calm = openBatcher(false)
    const lossy = openBatcher(true)
    expect(await story('calm', calm.batcher)).toEqual([
      'funded',
      'funded',
      'added',
      'admitted',
      'admitted',
      'settled',
      'settled',
    ])
    const heard = await story('lossy', lossy.batcher)
    expect(heard).toEqual(['funded', 'funded', 'known', 'admitted', 'admitted', 'settled', 'settled'])
    expect(lossy.lost()).toBe(9)
    const ledgerOf = (id: string) =>
      world.database.query<{ kind: string; amount: string }>(
        `select seq, kind, debit_account, credit_account, stage, component,
           case kind when 'seat_fee' then null else amount end as amount
         from tollkeeper.ledger_entries where organization_id = $1 order by seq`,
        [id],
      )
    const ledger = await ledgerOf('lossy')
    expect(ledger).toEqual(await ledgerOf('calm'))
    expect(ledger.map(({ kind }) => kind)).toEqual([
      ...['top_up', 'top_up', 'adjustment', 'seat_fee', 'hold', 'hold', 'charge', 'charge'],
      ...['release', 'reversal', 'release'],
    ])
    await expectBooksToBalance(world.database)
  })
})
