import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Answered } from '../../src/ledger/calls.ts'
import { fundingToJson } from '../../src/managers/contract-json.ts'
import { mandateOf, orderOf } from '../managers/ordered-deeds.ts'
import { expectBooksToBalance } from '../support/books.ts'
import { type MoneyPath, openMoneyPath, PER_TOKEN } from './money-path.ts'

describe('a rehearsal', () => {
  let path: MoneyPath
  beforeAll(async () => {
    path = await openMoneyPath()
  })
  afterAll(() => path.close())

  const pay = (id: string, tokens: bigint, reference: string, dryRun: boolean): Promise<Answered> =>
    path.tollkeeper.balances.topUp(
      id,
      { amount: tokens * PER_TOKEN, reference, note: null },
      orderOf(mandateOf(reference, { dryRun }), fundingToJson),
    )
  const bodyOf = ({ answer }: Answered) =>
    JSON.parse(answer.body) as { readonly resumed_jobs: readonly string[]; readonly balance: object }
  const stateOf = async (jobId: string) => (await path.tollkeeper.service.find(jobId)).state

  it('of a payment says which jobs it would resume, and neither resumes nor enqueues nor tells of one', async () => {
    const id = await path.fund('parked', '0.001')
    const job = await path.storeJob(id)
    expect(await path.admit(job)).toMatchObject({ kind: 'refused' })
    await using listener = await listening(path.world.database.appUrl)
    const { resumed_jobs: wouldResume, balance } = bodyOf(await pay(id, 100n, 'more', true))
    expect(wouldResume).toEqual([job.jobId])
    expect(balance).toMatchObject({ held: '0.005', parked: 0 })
    expect(await stateOf(job.jobId)).toBe('rejected_for_balance')
    const stages = await path.world.database.query('select max(delivery)::int as delivery from tollkeeper.job_stages')
    expect(stages).toEqual([{ delivery: 1 }])
    // Behind it, on the same channels: whatever a rehearsal had told would have come before this.
    await path.world.database.query(`select pg_notify('tollkeeper_wake', 'the end')`)
    expect(await listener.next()).toBe('the end')
    expect(bodyOf(await pay(id, 100n, 'more', false)).resumed_jobs).toEqual([job.jobId])
    expect(await stateOf(job.jobId)).toBe('processing')
    await expectBooksToBalance(path.world.database)
  })

  it('beside a busy money path takes nothing from it, and leaves what it remembers right', async () => {
    const id = await path.fund('busy', '1.00')
    const jobs = await path.storeJobs(id, 20)
    await Promise.all(jobs.map((job) => path.admit(job)))
    const settled = jobs.map((job) => path.settleOutput(job, 3))
    const rehearsed = jobs.map((_, index) => pay(id, 1n, `dry-${index}`, true))
    expect((await Promise.all(settled)).map((verdict) => verdict.kind)).toEqual(jobs.map(() => 'settled'))
    for (const each of await Promise.all(rehearsed)) expect(each.replayed).toBe(false)
    const { available, held } = await path.tollkeeper.balances.balance(path.tollkeeper.em(), id)
    expect([available, held]).toEqual([900n * PER_TOKEN, 40n * PER_TOKEN])
    await expectBooksToBalance(path.world.database)
  })

  it('waits for whoever has the lock of its organisation, and hears what he did', async () => {
    const id = await path.fund('locked', '1.00')
    const unlock = await path.lock(id)
    const rehearsing = pay(id, 5n, 'dry', true)
    const paying = path.topUp(id, 7n, 'real')
    await unlock()
    await paying
    expect(['1.005', '1.012']).toContain((bodyOf(await rehearsing).balance as { available: string }).available)
    expect((await path.tollkeeper.balances.balance(path.tollkeeper.em(), id)).available).toBe(1_007n * PER_TOKEN)
  })
})

/** A connection that hears whom the money path wakes. */
async function listening(url: string) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const heard: string[] = []
  let tell = (): void => undefined
  client.on('notification', ({ payload = '' }) => {
    heard.push(payload)
    tell()
  })
  await client.query('listen tollkeeper_wake')
  return {
    async next(): Promise<string> {
      while (heard.length === 0) await new Promise<void>((resolve) => (tell = resolve))
      return heard.shift() as string
    },
    [Symbol.asyncDispose]: () => client.end(),
  }
}
