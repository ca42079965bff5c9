import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { Batcher } from '../../src/database/money/batcher.ts'
import { moneyTransaction } from '../../src/database/money/money-transaction.ts'
import { TariffCache } from '../../src/database/money/tariff-cache.ts'
import { openMoneyPool } from '../../src/database/pool.ts'
import { newId } from '../../src/foundation/ids.ts'
import type { Calls, Verdicts } from '../../src/ledger/calls.ts'
import type { JobOf } from '../../src/managers/token-based-billing.manager.ts'
import type { BoundedStage } from '../../src/pricing/quote.ts'
import { expectBooksToBalance } from '../support/books.ts'
import { component, eventually, fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'

/** 0.001 for a token that is written, by a model or as the output, in nano-units. A model call writes 10 at most. */
const PER_TOKEN = 1_000_000n
const COMPONENTS = [
  component('out', { kind: 'output_tokens' }, '1000.00'),
  component('llm-in', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'input' }, '0'),
  component('llm-out', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'output' }, '1000.00'),
]
/** All that an array's or a JSON's text form gives a meaning of its own. */
const ODD = `a "b" \\ \\\\ c\\" , {d} [e] NULL 'f' \n\t\r é 漢 😀 `

describe('what a money transaction reads and stores', () => {
  let world: World
  let tollkeeper: Tollkeeper
  let pool: pg.Pool
  let batcher: Batcher
  beforeAll(async () => {
    world = await openWorld('postgres')
    tollkeeper = await world.open()
    pool = openMoneyPool(world.database.appUrl, 2)
    pool.on('error', () => undefined)
    const tariffs = new TariffCache()
    batcher = new Batcher((calls) => moneyTransaction(pool, tariffs, calls))
  })
  afterAll(async () => {
    await pool.end()
    await world.close()
  })

  /** Jobs of the pipeline that no queue knows of. */
  function storeJobs(organizationId: string, count: number, agents: readonly string[] = ['x']): Promise<JobOf[]> {
    const rest = { userId: null, externalId: null, key: null, maxCost: null, text: 'text', runner: 'pipeline' } as const
    return tollkeeper.inTransaction(async (em) => {
      const jobs: JobOf[] = []
      for (let index = 0; index < count; index += 1) {
        const { id } = await tollkeeper.jobs.create(em, { organizationId, steps: [agents], ...rest })
        jobs.push({ organizationId, jobId: id })
      }
      return jobs
    })
  }

  async function storeJob(organizationId: string, agents?: readonly string[]): Promise<JobOf> {
    const [job] = await storeJobs(organizationId, 1, agents)
    if (!job) throw new Error('no job was stored')
    return job
  }

  /** Five tokens of output, and a model call for each agent that is named. */
  function admit(job: JobOf, agents: readonly string[] = []): Promise<Verdicts['admit']> {
    const llm = { model: 'm', calls: 1, promptTokens: 1, maxOutputTokens: 10 }
    const ofAgents = (agents.length > 0 ? agents : ['x']).map((agent): BoundedStage => {
      return { stage: `agent.${agent}`, bound: { kind: 'agent', agent, llm: agents.length > 0 ? llm : null } }
    })
    const bounds: BoundedStage[] = [
      { stage: 'input', bound: { kind: 'input', tokens: 1 } },
      ...ofAgents,
      { stage: 'output', bound: { kind: 'output', maxTokens: 5 } },
    ]
    return batcher.decide('admit', { ...job, bounds, outputLimit: 5, parkedExpiresMs: 3_600_000 })
  }

  const wrote = (agent: string, ...calls: readonly number[]): Calls['settle']['usage'] => {
    return {
      kind: 'agent',
      agent,
      llm: calls.map((output) => ({ model: 'm', source: 'counted', classes: { output } })),
    }
  }
  const settle = (job: JobOf, stage: string, usage: Calls['settle']['usage'], result: string | null = null) =>
    batcher.decide('settle', { ...job, stage, usage, result })
  const settleOutput = (job: JobOf, tokens: number, result: string | null = null) =>
    settle(job, 'output', { kind: 'output', tokens }, result)
  const topUp = (organizationId: string, tokens: bigint, reference: string) =>
    batcher.decide('top_up', { organizationId, amount: tokens * PER_TOKEN, reference, note: null })

  it('any text comes back as it was given, as a column of its own and within JSON', async () => {
    await fundedOrganization(tollkeeper, 'odd', '1.00', COMPONENTS)
    const job = await storeJob('odd')
    await admit(job)
    await settle(job, 'agent.x', wrote('x'), ODD)
    await settleOutput(job, 1, 'NULL')
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
    const paid = await batcher.decide('top_up', payment)
    expect(paid).toMatchObject({ details: { note: payment.note, balance: { available: 9_007_200_253_740_993n } } })
    expect(await batcher.decide('top_up', payment)).toEqual({ ...paid, replayed: true })
    const stored = await world.database.query('select 1 from tollkeeper.ledger_entries where reference = $1', [ODD])
    expect(stored).toHaveLength(1)
    const member = { organizationId: 'odd', userId: `u ${ODD.trim()}`, role: 'member', operation: newId() } as const
    expect(await batcher.decide('add_member', member)).toMatchObject({
      kind: 'added',
      member: { userId: member.userId },
    })
    expect(await batcher.decide('add_member', member)).toMatchObject({ kind: 'known' })
  })

  it('a stage that was settled answers its lines however often it is asked', async () => {
    await fundedOrganization(tollkeeper, 'again', '1.00', COMPONENTS)
    const job = await storeJob('again')
    await admit(job)
    const first = await settleOutput(job, 3)
    for (const tokens of [4, 5, 3]) {
      expect(await settleOutput(job, tokens)).toEqual({
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
    await fundedOrganization(tollkeeper, 'greedy', '0.05', COMPONENTS)
    const job = await storeJob('greedy', ['a', 'b'])
    expect(await admit(job, ['a', 'b'])).toMatchObject({ held: 25n * PER_TOKEN })
    const claims = { 'agent.a': newId(), 'agent.b': newId() }
    const extend = (stage: keyof typeof claims, call: number) =>
      batcher.decide('extend', { ...job, stage, claimId: claims[stage], call, parkedExpiresMs: 3_600_000 })
    for (const stage of ['agent.a', 'agent.b'] as const) {
      const claim = { ...job, stage, claimId: claims[stage], leaseMs: 60_000 }
      expect(await batcher.decide('claim', claim)).toEqual({ kind: 'granted', starts: 1 })
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
    expect(await settle(job, 'agent.b', wrote('b', 10, 10))).toMatchObject({
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
    expect(await topUp('greedy', 5n, 'more')).toMatchObject({ resumed: [{ jobId: job.jobId, generation: 2 }] })
    expect(await holds()).toEqual([
      { generation: 1, amount: all, remaining: '0', state: 'closed' },
      { generation: 2, amount: `${35n * PER_TOKEN}`, remaining: `${35n * PER_TOKEN}`, state: 'open' },
    ])
    await settle(job, 'agent.a', wrote('a', 10, 10, 10))
    expect(await settleOutput(job, 5)).toMatchObject({ state: 'charged' })
    await expectBooksToBalance(world.database)
    const [after] = await world.database.query(
      `select charged::text, released::text, written_off::text, generation from tollkeeper.jobs where id = $1`,
      [job.jobId],
    )
    const [charged, released] = [`${55n * PER_TOKEN}`, `${25n * PER_TOKEN}`]
    expect(after).toEqual({ charged, released, written_off: '0', generation: 2 })
  })

  it('a failed job says what it was charged and what came back', async () => {
    await fundedOrganization(tollkeeper, 'failing', '1.00', COMPONENTS)
    const job = await storeJob('failing', ['a'])
    await admit(job, ['a'])
    await settle(job, 'agent.a', wrote('a', 7))
    const failure = { code: 'agent-error', stage: 'output', detail: 'it broke' } as const
    expect(await batcher.decide('fail', { ...job, stage: 'output', claimId: null, failure })).toMatchObject({
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
    await fundedOrganization(tollkeeper, 'crowd', '0', COMPONENTS)
    const jobs = await storeJobs('crowd', 130)
    const verdicts = await Promise.all(jobs.map((job) => admit(job)))
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
    const paid = await topUp('crowd', 10n, 'more')
    expect(paid.kind === 'funded' && paid.resumed.map(({ jobId }) => jobId)).toEqual(oldest)
    expect(paid).toMatchObject({ details: { balance: { parked: 128, available: 0n } } })
    await expectBooksToBalance(world.database)
  })

  it('a job counts in the period of its admission, also when that is over', async () => {
    await fundedOrganization(tollkeeper, 'monthly', '1.00', COMPONENTS)
    const [first, second] = (await storeJobs('monthly', 2)) as [JobOf, JobOf]
    await admit(first)
    await admit(second)
    await settleOutput(first, 5)
    await world.database.query(
      `update tollkeeper.organizations set period_start = period_start + interval '1 hour' where id = 'monthly'`,
    )
    await settleOutput(second, 4)
    const counters = await world.database.query(
      `select used::int from tollkeeper.usage_counters where organization_id = 'monthly' and component = 'out'`,
    )
    expect(counters).toEqual([{ used: 9 }])
    await expectBooksToBalance(world.database)
  })

  it('what a table refuses fails its caller, and nothing of it is stored', async () => {
    await fundedOrganization(tollkeeper, 'refused', '1.00', COMPONENTS)
    const [job, other] = (await storeJobs('refused', 2)) as [JobOf, JobOf]
    await world.database.query(
      `insert into tollkeeper.holds (job_id, generation, organization_id, amount, remaining, state, opened_at, closed_at)
       values ($1, 1, 'refused', 0, 0, 'closed', now(), now())`,
      [job.jobId],
    )
    const [outcome, neighbour] = await Promise.allSettled([admit(job), admit(other)])
    expect(outcome).toMatchObject({ status: 'rejected' })
    expect(neighbour).toMatchObject({ status: 'fulfilled', value: { kind: 'admitted' } })
    const [row] = await world.database.query('select state from tollkeeper.jobs where id = $1', [job.jobId])
    expect(row).toEqual({ state: 'queued' })
    const [{ held } = { held: null }] = await world.database.query<{ held: string }>(
      `select held::text from tollkeeper.organization_balances where organization_id = 'refused'`,
    )
    expect(held).toBe(`${5n * PER_TOKEN}`)
    await world.database.query('delete from tollkeeper.holds where job_id = $1', [job.jobId])
    expect(await admit(job)).toMatchObject({ kind: 'admitted' })
    await expectBooksToBalance(world.database)
  })

  it('whoever waits hears of each job that changed, and of money where somebody waits for it', async () => {
    await fundedOrganization(tollkeeper, 'heard', '0.005', COMPONENTS)
    const [job, waiting] = (await storeJobs('heard', 2)) as [JobOf, JobOf]
    const listener = new pg.Client({ connectionString: world.database.ownerUrl })
    await listener.connect()
    try {
      const heard: string[] = []
      listener.on('notification', ({ channel, payload }) => void heard.push(`${channel} ${payload}`))
      await listener.query('listen tollkeeper_wake; listen tollkeeper_jobs')
      /** Notices come in the order of the commits, so that nothing is missing before this one. */
      const heardUpTo = async (end: string): Promise<readonly string[]> => {
        await world.database.query(`select pg_notify('tollkeeper_jobs', $1)`, [end])
        await eventually(
          async () => heard.at(-1),
          (last) => last === `tollkeeper_jobs ${end}`,
        )
        return heard.splice(0).slice(0, -1)
      }
      await admit(job)
      expect(await heardUpTo('admitted')).toEqual([`tollkeeper_jobs ${job.jobId}`])
      await admit(waiting)
      expect(await heardUpTo('parked')).toEqual([`tollkeeper_jobs ${waiting.jobId}`])
      await settle(job, 'agent.x', wrote('x'))
      expect(await heardUpTo('in the middle')).toEqual([])
      await settleOutput(job, 1)
      expect(await heardUpTo('charged')).toEqual(['tollkeeper_wake heard', `tollkeeper_jobs ${job.jobId}`])
      await topUp('heard', 1n, 'more')
      expect(await heardUpTo('resumed')).toEqual(['tollkeeper_wake heard', `tollkeeper_jobs ${waiting.jobId}`])
      await topUp('heard', 1n, 'yet more')
      expect(await heardUpTo('nobody waits')).toEqual([])
    } finally {
      await listener.end()
    }
    await expectBooksToBalance(world.database)
  })
})
