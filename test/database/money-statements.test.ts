import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newId } from '../../src/foundation/ids.ts'
import type { JobOf } from '../../src/managers/token-based-billing.manager.ts'
import { expectBooksToBalance } from '../support/books.ts'
import { eventually, type World } from '../support/tollkeeper.ts'
import { type MoneyPath, openMoneyPath, PER_TOKEN, wrote } from './money-path.ts'

/** All that an array's or a JSON's text form gives a meaning of its own. */
const ODD = `a "b" \\ \\\\ c\\" , {d} [e] NULL 'f' \n\t\r é 漢 😀 `

describe('what a money transaction reads and stores', () => {
  let path: MoneyPath
  let world: World
  beforeAll(async () => {
    path = await openMoneyPath()
    world = path.world
  })
  afterAll(() => path.close())

  it('any text comes back as it was given, as a column of its own and within JSON', async () => {
    await path.fund('odd', '1.00')
    const job = await path.storeJob('odd')
    await path.admit(job)
    await path.settle(job, 'agent.x', wrote('x'), ODD)
    await path.settleOutput(job, 1, 'NULL')
    const results = await world.database.query(
      `select stage, result from tollkeeper.job_stages where job_id = $1 and stage <> 'input' order by stage`,
      [job.jobId],
    )
    expect(results).toEqual([
      { stage: 'agent.x', result: ODD },
      { stage: 'output', result: 'NULL' },
    ])
    const [input] = await world.database.query(
      `select result from tollkeeper.job_stages where job_id = $1 and stage = 'input'`,
      [job.jobId],
    )
    expect(input, 'nothing is no text').toEqual({ result: null })
    const payment = { organizationId: 'odd', amount: 9_007_199_254_740_993n, reference: ODD, note: `${ODD}\u0001` }
    const paid = await path.batcher.decide('top_up', payment)
    expect(paid).toMatchObject({ details: { note: payment.note, balance: { available: 9_007_200_253_740_993n } } })
    expect(await path.batcher.decide('top_up', payment)).toEqual({ ...paid, replayed: true })
    const stored = await world.database.query('select 1 from tollkeeper.ledger_entries where reference = $1', [ODD])
    expect(stored).toHaveLength(1)
    const member = { organizationId: 'odd', userId: 'u\\1 \\\\ {2}, NULL', role: 'member', operation: newId() } as const
    expect(await path.batcher.decide('add_member', member)).toMatchObject({
      kind: 'added',
      member: { userId: member.userId },
    })
    expect(await path.batcher.decide('add_member', { ...member, operation: newId() })).toMatchObject({
      kind: 'known',
      member: { userId: member.userId },
    })
    const members = await world.database.query(
      `select user_id from tollkeeper.team_members where organization_id = 'odd'`,
    )
    expect(members).toEqual([{ user_id: member.userId }])
  })

  it('a stage that was settled answers its lines however often it is asked', async () => {
    await path.fund('again', '1.00')
    const job = await path.storeJob('again')
    await path.admit(job)
    const first = await path.settleOutput(job, 3)
    for (const tokens of [4, 5, 3]) {
      expect(await path.settleOutput(job, tokens)).toEqual({
        ...first,
        replayed: true,
        absorbed: BigInt(tokens) * PER_TOKEN,
      })
    }
    const rows = await world.database.query(
      `select absorbed, json_array_length(lines) as lines, usage ->> 'tokens' as tokens, charged::text
       from tollkeeper.job_stages where job_id = $1 and stage = 'output'`,
      [job.jobId],
    )
    expect(rows).toEqual([{ absorbed: 3, lines: 1, tokens: '3', charged: `${3n * PER_TOKEN}` }])
    await expectBooksToBalance(world.database)
  })

  it('an extension is held once; refused, its job is parked by the sibling that settles, and resumed with all it asked for', async () => {
    await path.fund('greedy', '0.05')
    const job = await path.storeJob('greedy', ['a', 'b'])
    expect(await path.admit(job, ['a', 'b'])).toMatchObject({ held: 25n * PER_TOKEN })
    const claims = { 'agent.a': newId(), 'agent.b': newId() }
    const extend = (stage: keyof typeof claims, call: number) =>
      path.batcher.decide('extend', { ...job, stage, claimId: claims[stage], call, parkedExpiresMs: 3_600_000 })
    for (const stage of ['agent.a', 'agent.b'] as const) {
      const claim = { ...job, stage, claimId: claims[stage], leaseMs: 60_000 }
      expect(await path.batcher.decide('claim', claim)).toEqual({ kind: 'granted', starts: 1 })
    }
    const granted = { kind: 'granted', calls: 2, extended: 10n * PER_TOKEN, currency: 'USD' }
    expect(await extend('agent.a', 2)).toEqual(granted)
    expect(await extend('agent.a', 2), 'asked again').toEqual(granted)
    expect(await extend('agent.b', 2)).toEqual(granted)
    const holds = () =>
      world.database.query(
        `select generation, amount::text, remaining::text, state from tollkeeper.holds where job_id = $1 order by 1`,
        [job.jobId],
      )
    const all = `${45n * PER_TOKEN}`
    expect(await holds()).toEqual([{ generation: 1, amount: all, remaining: all, state: 'open' }])
    expect(await extend('agent.a', 3)).toMatchObject({ kind: 'refused', parked: null })
    expect(await path.settle(job, 'agent.b', wrote('b', 10, 10))).toMatchObject({
      charged: 20n * PER_TOKEN,
      state: 'rejected_for_balance',
      parked: { generation: 1, stage: 'agent.a' },
    })
    const [row] = await world.database.query(
      `select state, stage, charged::text, released::text, rejection from tollkeeper.jobs where id = $1`,
      [job.jobId],
    )
    expect(row).toMatchObject({
      state: 'rejected_for_balance',
      stage: 'agent.a',
      charged: `${20n * PER_TOKEN}`,
      released: `${25n * PER_TOKEN}`,
      rejection: { needed: `${35n * PER_TOKEN}`, available: `${30n * PER_TOKEN}`, missing: `${5n * PER_TOKEN}` },
    })
    expect(await path.topUp('greedy', 5n, 'more')).toMatchObject({ resumed: [{ jobId: job.jobId, generation: 2 }] })
    expect(await holds()).toEqual([
      { generation: 1, amount: all, remaining: '0', state: 'closed' },
      { generation: 2, amount: `${35n * PER_TOKEN}`, remaining: `${35n * PER_TOKEN}`, state: 'open' },
    ])
    await path.settle(job, 'agent.a', wrote('a', 10, 10, 10))
    expect(await path.settleOutput(job, 5)).toMatchObject({ state: 'charged' })
    await expectBooksToBalance(world.database)
    const [after] = await world.database.query(
      `select charged::text, released::text, written_off::text, generation from tollkeeper.jobs where id = $1`,
      [job.jobId],
    )
    const [charged, released] = [`${55n * PER_TOKEN}`, `${25n * PER_TOKEN}`]
    expect(after).toEqual({ charged, released, written_off: '0', generation: 2 })
  })

  it('a failed job says what it was charged and what came back', async () => {
    await path.fund('failing', '1.00')
    const job = await path.storeJob('failing', ['a'])
    await path.admit(job, ['a'])
    await path.settle(job, 'agent.a', wrote('a', 7))
    const failure = { code: 'agent-error', stage: 'output', detail: 'it broke' } as const
    expect(await path.batcher.decide('fail', { ...job, stage: 'output', claimId: null, failure })).toMatchObject({
      kind: 'failed',
    })
    const [row] = await world.database.query(
      `select state, charged::text, reversed::text, released::text from tollkeeper.jobs where id = $1`,
      [job.jobId],
    )
    const [seven, fifteen] = [`${7n * PER_TOKEN}`, `${15n * PER_TOKEN}`]
    expect(row).toEqual({ state: 'failed', charged: seven, reversed: seven, released: fifteen })
    await expectBooksToBalance(world.database)
  })

  it('of more parked jobs than one wake looks at, the oldest are resumed', async () => {
    await path.fund('crowd', '0')
    const jobs = await path.storeJobs('crowd', 130)
    const verdicts = await Promise.all(jobs.map((job) => path.admit(job)))
    expect(verdicts.every(({ kind }) => kind === 'refused')).toBe(true)
    // The later an id, the older.
    await world.database.query(
      `update tollkeeper.jobs j set parked_at = now() - place * interval '1 second'
       from (select id, row_number() over (order by id) as place from tollkeeper.jobs) x
       where x.id = j.id and j.organization_id = 'crowd'`,
    )
    const oldest = jobs
      .map(({ jobId }) => jobId)
      .sort()
      .reverse()
      .slice(0, 2)
    const paid = await path.topUp('crowd', 10n, 'more')
    expect(paid.kind === 'funded' && paid.resumed.map(({ jobId }) => jobId)).toEqual(oldest)
    expect(paid).toMatchObject({ details: { balance: { parked: 128, available: 0n } } })
    await expectBooksToBalance(world.database)
  })

  it('a job counts in the period of its admission, also when that is over', async () => {
    await path.fund('monthly', '1.00')
    const [first, second] = (await path.storeJobs('monthly', 2)) as [JobOf, JobOf]
    await path.admit(first)
    await path.admit(second)
    await path.settleOutput(first, 5)
    await world.database.query(
      `update tollkeeper.organizations set period_start = period_start + interval '1 hour' where id = 'monthly'`,
    )
    await path.settleOutput(second, 4)
    const counters = await world.database.query(
      `select used::int from tollkeeper.usage_counters where organization_id = 'monthly' and component = 'out'`,
    )
    expect(counters).toEqual([{ used: 9 }])
    await expectBooksToBalance(world.database)
  })

  it('what a table refuses fails its caller, and nothing of it is stored', async () => {
    await path.fund('refused', '1.00')
    const [job, other] = (await path.storeJobs('refused', 2)) as [JobOf, JobOf]
    await world.database.query(
      `insert into tollkeeper.holds (job_id, generation, organization_id, amount, remaining, state, opened_at, closed_at)
       values ($1, 1, 'refused', 0, 0, 'closed', now(), now())`,
      [job.jobId],
    )
    const [outcome, neighbour] = await Promise.allSettled([path.admit(job), path.admit(other)])
    expect(outcome).toMatchObject({ status: 'rejected' })
    expect(neighbour).toMatchObject({ status: 'fulfilled', value: { kind: 'admitted' } })
    const [row] = await world.database.query('select state from tollkeeper.jobs where id = $1', [job.jobId])
    expect(row).toEqual({ state: 'queued' })
    const [{ held } = { held: null }] = await world.database.query<{ held: string }>(
      `select held::text from tollkeeper.organization_balances where organization_id = 'refused'`,
    )
    expect(held).toBe(`${5n * PER_TOKEN}`)
    await world.database.query('delete from tollkeeper.holds where job_id = $1', [job.jobId])
    expect(await path.admit(job)).toMatchObject({ kind: 'admitted' })
    await expectBooksToBalance(world.database)
  })

  it('many charges of one batch are stored as each of them would be alone', async () => {
    await path.fund('many', '5.00')
    const jobs = await path.storeJobs('many', 41)
    await Promise.all(jobs.map((job) => path.admit(job)))
    await Promise.all(jobs.map((job) => path.settle(job, 'agent.x', wrote('x'))))
    const [alone, ...together] = jobs as [JobOf, ...JobOf[]]
    await path.settleOutput(alone, 3)
    await Promise.all(together.map((job) => path.settleOutput(job, 3)))
    const rows = await world.database.query<Record<string, unknown>>(
      `select job_id, seq, kind, debit_account, credit_account, amount, currency, business_key, stage, component, token_class,
         reference, reverses_seq, details, id is not null as has_id, created_at <= now() as is_past
       from tollkeeper.ledger_entries where organization_id = 'many' and kind = 'charge' order by seq`,
    )
    expect(rows).toHaveLength(jobs.length)
    const keys = jobs.map(({ jobId }) => `charge:${jobId}:output:out:-`)
    expect(rows.map((row) => row.business_key).sort()).toEqual(keys.sort())
    for (const row of rows) {
      const { job_id, seq, business_key, ...figures } = row
      expect(figures).toEqual({
        ...{ kind: 'charge', debit_account: 'held', credit_account: 'revenue', amount: `${3n * PER_TOKEN}` },
        ...{
          currency: 'USD',
          stage: 'output',
          component: 'out',
          token_class: null,
          reference: null,
          reverses_seq: null,
        },
        ...{ details: null, has_id: true, is_past: true },
      })
      expect(business_key).toBe(`charge:${job_id}:output:out:-`)
      expect(Number(seq), 'each charge is followed by its release').toBe(Number(rows[0]?.seq) + 2 * rows.indexOf(row))
    }
    const released = await world.database.query(
      `select 1 from tollkeeper.ledger_entries where organization_id = 'many' and kind = 'release' and amount = $1`,
      [`${2n * PER_TOKEN}`],
    )
    expect(released).toHaveLength(jobs.length)
    await expectBooksToBalance(world.database)
  })

  it('whoever waits hears of each job that changed, and of money where somebody waits for it', async () => {
    await path.fund('heard', '0.005')
    const [job, waiting] = (await path.storeJobs('heard', 2)) as [JobOf, JobOf]
    const listener = new pg.Client({ connectionString: world.database.ownerUrl })
    await listener.connect()
    try {
      const heard: string[] = []
      listener.on('notification', ({ channel, payload }) => void heard.push(`${channel} ${payload}`))
      await listener.query('listen tollkeeper_wake; listen tollkeeper_jobs')
      /** Notices come in the order of the commits, so that nothing is missing before this one. */
      const heardUpTo = async (end: string): Promise<readonly string[]> => {
        await path.notices.drain()
        await world.database.query(`select pg_notify('tollkeeper_jobs', $1)`, [end])
        await eventually(
          async () => heard.at(-1),
          (last) => last === `tollkeeper_jobs ${end}`,
        )
        return heard.splice(0).slice(0, -1)
      }
      await path.admit(job)
      expect(await heardUpTo('admitted')).toEqual([`tollkeeper_jobs ${job.jobId}`])
      await path.admit(waiting)
      expect(await heardUpTo('parked')).toEqual([`tollkeeper_jobs ${waiting.jobId}`])
      await path.settle(job, 'agent.x', wrote('x'))
      expect(await heardUpTo('in the middle')).toEqual([])
      await path.settleOutput(job, 1)
      expect(await heardUpTo('charged')).toEqual(['tollkeeper_wake heard', `tollkeeper_jobs ${job.jobId}`])
      await path.topUp('heard', 1n, 'more')
      expect(await heardUpTo('resumed')).toEqual(['tollkeeper_wake heard', `tollkeeper_jobs ${waiting.jobId}`])
      await path.topUp('heard', 1n, 'yet more')
      expect(await heardUpTo('nobody waits')).toEqual([])
    } finally {
      await listener.end()
    }
    await expectBooksToBalance(world.database)
  })
})
