import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { Batcher } from '../../src/database/money/batcher.ts'
import type { RunBatch } from '../../src/database/money/lane.ts'
import { moneyTransactions } from '../../src/database/money/money-pipe.ts'
import { TariffCache } from '../../src/database/money/tariff-cache.ts'
import { openMoneyPool } from '../../src/database/pool.ts'
import { expectBooksToBalance } from '../support/books.ts'
import { component, fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'

describe('the batcher', () => {
  let world: World
  let tollkeeper: Tollkeeper
  let pool: pg.Pool
  beforeAll(async () => {
    world = await openWorld('postgres')
    tollkeeper = await world.open()
    pool = openMoneyPool(world.database.appUrl, 4)
    pool.on('error', () => undefined)
    await fundedOrganization(tollkeeper, 'acme', '100.00', [component('out', { kind: 'output_tokens' }, '1000.00')])
  })
  afterAll(async () => {
    await pool.end()
    await world.close()
  })

  /** A batcher on the real money path that remembers how large its batches were. */
  function watchedBatcher(): { batcher: Batcher; sizes: number[] } {
    const sizes: number[] = []
    const run = moneyTransactions(pool, new TariffCache())
    const watched: RunBatch = (calls, from) => {
      sizes.push(calls.length)
      return run(calls, from)
    }
    return { batcher: new Batcher(watched), sizes }
  }

  const topUp = (reference: string, amount = 1n) => ({ organizationId: 'acme', amount, reference, note: null })

  it('shares one transaction among the callers of a tick, and gathers the next batch meanwhile', async () => {
    const { batcher, sizes } = watchedBatcher()
    const first = Array.from({ length: 20 }, (_, index) => batcher.decide('top_up', topUp(`tick-${index}`)))
    await Promise.race(first)
    await Promise.all(first)
    const seqs = (await Promise.all(first)).map((verdict) => verdict.kind === 'funded' && verdict.seq)
    expect(sizes).toEqual([20])
    expect(new Set(seqs).size).toBe(20)
    await expectBooksToBalance(world.database)
  })

  it('splits a batch that fails until the bad call fails alone; its neighbours are served', async () => {
    const { openJob, billing } = tollkeeper
    const jobs = await Promise.all(Array.from({ length: 8 }, () => openJob({ organizationId: 'acme', agents: ['x'] })))
    for (const job of jobs) {
      await billing.admit(job, [
        { stage: 'input', bound: { kind: 'input', tokens: 1 } },
        { stage: 'agent.x', bound: { kind: 'agent', agent: 'x', llm: null } },
        { stage: 'output', bound: { kind: 'output', maxTokens: 10 } },
      ])
    }
    const { batcher } = watchedBatcher()
    const settles = jobs.map((job, index) => {
      const tokens = index === 5 ? -1 : 5
      return batcher.decide('settle', { ...job, stage: 'output', usage: { kind: 'output', tokens }, result: null })
    })
    const outcomes = await Promise.allSettled(settles)
    expect(outcomes.map(({ status }) => status)).toEqual(
      jobs.map((_, index) => (index === 5 ? 'rejected' : 'fulfilled')),
    )
    const charges = await world.database.query(`select 1 from tollkeeper.ledger_entries where kind = 'charge'`)
    expect(charges).toHaveLength(7)
    await expectBooksToBalance(world.database)
  })

  it('tries a batch again whose connection is cut, without paying twice', async () => {
    const { batcher } = watchedBatcher()
    const paid = Array.from({ length: 40 }, async (_, index) => {
      if (index % 10 === 5) await world.database.cutConnections('tollkeeper money')
      return batcher.decide('top_up', topUp(`cut-${index}`, 1_000n))
    })
    const verdicts = await Promise.all(paid)
    expect(verdicts.every((verdict) => verdict.kind === 'funded')).toBe(true)
    const entries = await world.database.query(
      `select 1 from tollkeeper.ledger_entries where business_key like 'top_up:acme:cut-%'`,
    )
    expect(entries).toHaveLength(40)
    await expectBooksToBalance(world.database)
  })
})
