import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Batcher } from '../../src/database/money/batcher.ts'
import { UnansweredCommit } from '../../src/database/retry.ts'
import { newId } from '../../src/foundation/ids.ts'
import type { JobOf } from '../../src/managers/token-based-billing.manager.ts'
import { expectBooksToBalance } from '../support/books.ts'
import { admitCall, type MoneyPath, openMoneyPath, PER_TOKEN, wrote } from './money-path.ts'
import { RememberingProcess } from './remembering-process.ts'

const ONE_TOKEN = PER_TOKEN
/** A job holds five tokens of the thousand that an organisation is funded with: the third of them crosses. */
const LINE = { metric: 'available', below: 990n * ONE_TOKEN, clearAt: 995n * ONE_TOKEN } as const

describe('alerts on the money path', () => {
  let path: MoneyPath
  beforeAll(async () => {
    path = await openMoneyPath()
  })
  afterAll(() => path.close())

  const alertsOf = (organizationId: string) =>
    path.world.database.query<{ raised: boolean; value: string; told: boolean }>(
      `select cleared_at is null as raised, value::text, told_at is not null as told from tollkeeper.balance_alerts
       where organization_id = $1 order by id`,
      [organizationId],
    )
  const draw = (process: { readonly batcher: Batcher }, organizationId: string, id = newId()) =>
    process.batcher.decide('add_threshold', { organizationId, id, ...LINE })
  const move = (process: { readonly batcher: Batcher }, organizationId: string, tokens: bigint) => {
    const direction = tokens < 0n ? ('debit' as const) : ('credit' as const)
    const amount = (tokens < 0n ? -tokens : tokens) * ONE_TOKEN
    return process.batcher.decide('adjust', { organizationId, amount, direction, reference: newId(), note: null })
  }
  const settleAll = async ({ batcher }: RememberingProcess, job: JobOf) => {
    await batcher.decide('settle', { ...job, stage: 'agent.x', usage: wrote('x'), result: null })
    await batcher.decide('settle', { ...job, stage: 'output', usage: { kind: 'output', tokens: 1 }, result: null })
  }

  it('are raised with the batch that crosses and cleared with the one that comes back, and the books hold', async () => {
    await path.fund('crosses', '1.00')
    await using process = new RememberingProcess(path.world.database.appUrl)
    await draw(process, 'crosses')
    const jobs = await path.storeJobs('crosses', 3)
    for (const job of jobs) await process.batcher.decide('admit', admitCall(job))
    expect(await alertsOf('crosses')).toEqual([{ raised: true, value: `${985n * ONE_TOKEN}`, told: false }])
    for (const job of jobs) await settleAll(process, job)
    expect(await alertsOf('crosses'), 'three tokens were charged').toMatchObject([{ raised: false }])
    expect((await path.tollkeeper.verifier.verify()).violations).toEqual([])
    await expectBooksToBalance(path.world.database)
  })

  it('are decided on remembered rows in one round trip, and an organisation without thresholds writes nothing more', async () => {
    for (const id of ['known', 'plain']) await path.fund(id, '1.00')
    await using process = new RememberingProcess(path.world.database.appUrl)
    await draw(process, 'known')
    for (const id of ['known', 'plain']) {
      const [first, second, third] = (await path.storeJobs(id, 3)) as [JobOf, JobOf, JobOf]
      for (const job of [first, second, third]) await process.batcher.decide('admit', admitCall(job))
      for (const job of [first, second]) await settleAll(process, job)
      process.takeSent()
      await settleAll(process, third)
      const sent = process.takeSent()
      expect(sent.filter((statement) => statement === 'lock-known')).toHaveLength(2)
      expect(sent.filter((statement) => statement.endsWith('-alerts'))).toEqual(id === 'known' ? ['clear-alerts'] : [])
    }
    expect(await alertsOf('known')).toMatchObject([{ raised: false }])
    expect(await alertsOf('plain')).toEqual([])
  })

  it('are one for one crossing, whoever crosses: two processes, and one that was started anew', async () => {
    await path.fund('both', '1.00')
    await using one = new RememberingProcess(path.world.database.appUrl)
    await using two = new RememberingProcess(path.world.database.appUrl)
    await draw(one, 'both')
    await Promise.all(Array.from({ length: 40 }, (_, index) => move(index % 2 === 0 ? one : two, 'both', -1n)))
    await using later = new RememberingProcess(path.world.database.appUrl)
    await move(later, 'both', -1n)
    expect((await alertsOf('both')).map(({ raised }) => raised)).toEqual([true])
    await Promise.all([one, two, later].map((each) => move(each, 'both', 20n)))
    await Promise.all([one, two, later].map((each) => move(each, 'both', -20n)))
    expect((await alertsOf('both')).map(({ raised }) => raised)).toEqual([false, true])
    await expectBooksToBalance(path.world.database)
  })

  it('are one where the answer of COMMIT is lost, and so is the threshold', async () => {
    await path.fund('lossy', '1.00')
    await using process = new RememberingProcess(path.world.database.appUrl)
    let runs = 0
    const batcher = new Batcher(async (calls, from) => {
      const verdicts = await process.run(calls, from)
      runs += 1
      const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
      if (runs % 2 === 1) throw new UnansweredCommit(reset)
      return verdicts
    })
    const id = newId()
    expect(await draw({ batcher }, 'lossy', id)).toEqual({ kind: 'added' })
    await move({ batcher }, 'lossy', -50n)
    expect(await alertsOf('lossy')).toMatchObject([{ raised: true, value: `${950n * ONE_TOKEN}` }])
    const removal = { organizationId: 'lossy', thresholdId: id }
    expect(await batcher.decide('remove_threshold', removal)).toEqual({ kind: 'removed' })
    expect(runs).toBe(6)
    expect(await alertsOf('lossy')).toMatchObject([{ raised: false }])
    await expectBooksToBalance(path.world.database)
  })

  it('follow thresholds that another process drew or took away, with the very next batch', async () => {
    await path.fund('drawn', '1.00')
    await using process = new RememberingProcess(path.world.database.appUrl)
    await using other = new RememberingProcess(path.world.database.appUrl)
    const [first, second, third] = (await path.storeJobs('drawn', 3)) as [JobOf, JobOf, JobOf]
    for (const job of [first, second, third]) await process.batcher.decide('admit', admitCall(job))
    const id = newId()
    await draw(other, 'drawn', id)
    expect(await alertsOf('drawn')).toMatchObject([{ raised: true, value: `${985n * ONE_TOKEN}` }])
    process.takeSent()
    await settleAll(process, first)
    expect(process.takeWays().slice(0, 2), 'what it remembered was refused').toEqual(['known', 'read'])
    await other.batcher.decide('remove_threshold', { organizationId: 'drawn', thresholdId: id })
    await settleAll(process, second)
    await move(process, 'drawn', -900n)
    expect(await alertsOf('drawn')).toMatchObject([{ raised: false }])
    await expectBooksToBalance(path.world.database)
  })

  it('follow what was done to them by hand, and telling of one leaves the remembered rows as they are', async () => {
    await path.fund('by-hand', '1.00')
    await using process = new RememberingProcess(path.world.database.appUrl)
    await draw(process, 'by-hand')
    const stampOf = async () => {
      const [row] = await path.world.database.query<{ stamp: string }>(
        `select stamp from tollkeeper.organization_balances where organization_id = 'by-hand'`,
      )
      return row?.stamp
    }
    await move(process, 'by-hand', -50n)
    const before = await stampOf()
    await path.world.database.query(
      `update tollkeeper.balance_alerts set told_at = now() where organization_id = 'by-hand'`,
    )
    expect(await stampOf()).toBe(before)
    await path.world.database.query(
      `update tollkeeper.balance_alerts set cleared_at = now() where organization_id = 'by-hand'`,
    )
    expect(await stampOf()).not.toBe(before)
    await move(process, 'by-hand', -1n)
    expect((await alertsOf('by-hand')).map(({ raised }) => raised)).toEqual([false, true])
    await path.world.database.query(`delete from tollkeeper.balance_thresholds where organization_id = 'by-hand'`)
    await move(process, 'by-hand', 100n)
    expect(
      (await alertsOf('by-hand')).map(({ raised }) => raised),
      'nobody judges it any more',
    ).toEqual([false, true])
  })

  it('never fail a batch: one that stands there already is left to stand', async () => {
    await path.fund('stands', '1.00')
    await using process = new RememberingProcess(path.world.database.appUrl)
    const id = newId()
    await process.batcher.decide('add_threshold', { organizationId: 'stands', id, ...LINE, metric: 'headroom' })
    const client = new pg.Client({ connectionString: path.world.database.appUrl })
    await client.connect()
    // As nobody does: behind the back of the stamps, so that what is remembered has the threshold armed.
    await client.query(`set tollkeeper.money_path = 'on'`)
    await client.query(
      `insert into tollkeeper.balance_alerts (id, organization_id, threshold_id, metric, below, clear_at, value, available,
         estimated, seq, raised_at) values (gen_random_uuid(), 'stands', $1, 'headroom', 2, 3, 1, 1, false, 1, now())`,
      [id],
    )
    await client.end()
    process.takeSent()
    const figures = { available: ONE_TOKEN, seq: 1, demanded: ONE_TOKEN, estimated: false }
    const judged = await process.batcher.decide('judge_headroom', { organizationId: 'stands', ...figures })
    expect([judged, process.takeWays()]).toEqual([{ raised: 1, cleared: 0 }, ['known']])
    expect(await alertsOf('stands')).toEqual([{ raised: true, value: '1', told: false }])
    await expectBooksToBalance(path.world.database)
  })
})
