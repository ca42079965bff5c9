import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { Batcher } from '../../src/database/money/batcher.ts'
import { moneyTransactions } from '../../src/database/money/money-pipe.ts'
import { TariffCache } from '../../src/database/money/tariff-cache.ts'
import { openMoneyPool } from '../../src/database/pool.ts'
import { UnansweredCommit } from '../../src/database/retry.ts'
import { newId } from '../../src/foundation/ids.ts'
import type { BoundedStage } from '../../src/pricing/quote.ts'
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
    const run = moneyTransactions(pool, new TariffCache())
    let runs = 0
    const batcher = new Batcher(async (calls, from) => {
      const verdicts = await run(calls, from)
      runs += 1
      const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
      if (isLossy && runs % 2 === 1) throw new UnansweredCommit(reset)
      return verdicts
    })
    return { batcher, lost: () => Math.ceil(runs / 2) }
  }

  /** An organisation with four jobs of the pipeline's and two of its own; a seat costs its whole price, whenever. */
  async function open(organizationId: string): Promise<readonly Job[]> {
    const components = [
      component('out', { kind: 'output_tokens' }, '1000.00'),
      component('pages', { kind: 'feature', feature: 'page' }, '0.001'),
      ...(['input', 'output'] as const).map((tokenClass) =>
        component(`llm-${tokenClass}`, { kind: 'llm_tokens', llmModel: '*', tokenClass }, '1000.00'),
      ),
    ]
    await fundedOrganization(tollkeeper, organizationId, '1.00', components, { memberPrice: '0.10' })
    await world.database.query(
      `update tollkeeper.organizations set period_start = now(), period_end = now() + interval '1000 years'
       where id = $1`,
      [organizationId],
    )
    const nobody = { userId: null, externalId: null, key: null, maxCost: null }
    const plans = [STEPS, STEPS, STEPS, STEPS, STEPS, STEPS].map((steps, index) => {
      const runner = index < 4 ? ('pipeline' as const) : ('own' as const)
      return { organizationId, runner, steps, text: runner === 'own' ? null : 'text', ...nobody }
    })
    const jobs = await tollkeeper.inTransaction((em) =>
      Promise.all(plans.map((plan) => tollkeeper.jobs.create(em, plan))),
    )
    return jobs.map(({ id }) => ({ organizationId, jobId: id }))
  }

  /** One of every kind of call that changes something, each after the other, and what the caller hears of it. */
  async function story(organizationId: string, batcher: Batcher): Promise<readonly unknown[]> {
    const jobs = await open(organizationId)
    const [charged, failed, cancelled, parked, completed, reversed] = jobs as [Job, Job, Job, Job, Job, Job]
    const heard: unknown[] = []
    const ask: Batcher['decide'] = async (kind, call) => {
      const verdict = await batcher.decide(kind, call)
      heard.push([kind, comparable(verdict, organizationId, jobs)])
      return verdict
    }
    const on = (job: Job, agent: string) => ({ ...job, stage: `agent.${agent}` })
    const claimIds = { a: newId(), b: newId() }
    const lease = { leaseMs: 60_000 }
    const usage = { kind: 'output', tokens: 5 } as const
    const used = (agent: string, input: number) =>
      ({ kind: 'agent', agent, llm: [{ model: 'm', source: 'reported', classes: { input } }] }) as const
    const failure = { code: 'agent-error', stage: 'output', detail: 'it broke' } as const
    const funds = { organizationId, note: null }
    await ask('top_up', { ...funds, amount: 7n, reference: 'more' })
    await ask('adjust', { ...funds, amount: 3n, reference: 'fix', direction: 'debit' })
    await ask('add_member', { organizationId, userId: 'u', role: 'member', operation: newId() })
    const page = { organizationId, feature: 'page', quantity: 1, key: 'scan', userId: null }
    await ask('charge_feature', { id: newId(), ...page })
    await ask('charge_feature', { id: newId(), ...page })
    for (const job of jobs) {
      const sizes = job === parked ? 1_000 : 10
      await ask('admit', { ...job, bounds: boundsOf(sizes), outputLimit: 1_024, parkedExpiresMs: 1_000_000 })
    }
    await ask('redeliver', { ...charged, seen: [{ stage: 'agent.a', delivery: 2 }] })
    await ask('claim', { ...on(charged, 'a'), claimId: claimIds.a, ...lease })
    await ask('claim', { ...on(charged, 'b'), claimId: claimIds.b, ...lease })
    await ask('keep', { ...on(charged, 'a'), claimId: claimIds.a, ...lease })
    await ask('extend', { ...on(charged, 'a'), claimId: claimIds.a, call: 2, parkedExpiresMs: 1_000_000 })
    await ask('let_go', { ...on(charged, 'b'), claimId: claimIds.b, usage: used('b', 3) })
    await ask('settle', { ...on(charged, 'a'), usage: used('a', 4), result: 'A' })
    await ask('settle', { ...on(charged, 'b'), usage: used('b', 6), result: 'B' })
    await ask('settle', { ...charged, stage: 'output', usage, result: null })
    await ask('settle', { ...charged, stage: 'output', usage: { ...usage, tokens: 4 }, result: null })
    await ask('settle', { ...on(failed, 'a'), usage: used('a', 4), result: null })
    await ask('fail', { ...on(failed, 'b'), claimId: null, failure })
    await ask('cancel', cancelled)
    await ask('settle', { ...on(cancelled, 'a'), usage: used('a', 4), result: null })
    await ask('settle', { ...completed, stage: 'output', usage, result: null })
    await ask('complete', completed)
    await ask('settle', { ...reversed, stage: 'output', usage, result: null })
    await ask('reverse', { ...reversed, failure })
    await tollkeeper.inTransaction((em) =>
      tollkeeper.organizations.update(em, organizationId, { overdraftLimit: 9n * 10n ** 9n }),
    )
    await ask('wake', { ...parked, scope: 'all', after: null })
    await ask('remove_member', { organizationId, userId: 'u' })
    return heard
  }

  it('is answered, and moves the same money, as if it had been heard', async () => {
    const calm = openBatcher(false)
    const lossy = openBatcher(true)
    const expected = await story('calm', calm.batcher)
    const heard = await story('lossy', lossy.batcher)
    expect(heard).toEqual(expected)
    expect(lossy.lost()).toBe(heard.length)
    const ledgerOf = (id: string) =>
      world.database.query<{ kind: string }>(
        `select seq, kind, debit_account, credit_account, amount, stage, component
         from tollkeeper.ledger_entries where organization_id = $1 order by seq`,
        [id],
      )
    const ledger = await ledgerOf('lossy')
    expect(ledger).toEqual(await ledgerOf('calm'))
    const kinds = ['adjustment', 'charge', 'extend', 'feature', 'hold', 'release', 'reversal', 'seat_fee', 'top_up']
    expect([...new Set(ledger.map(({ kind }) => kind))].sort()).toEqual(kinds)
    const stagesOf = (id: string) =>
      world.database.query(
        `select j.state as job, s.stage, s.state, s.tokens, s.charged, s.absorbed, s.starts, s.delivery
         from tollkeeper.job_stages s join tollkeeper.jobs j on j.id = s.job_id
         where j.organization_id = $1 order by j.created_at, j.id, s.position, s.stage`,
        [id],
      )
    expect(await stagesOf('lossy')).toEqual(await stagesOf('calm'))
    await expectBooksToBalance(world.database)
  })
})

type Job = { readonly organizationId: string; readonly jobId: string }

const STEPS = [['a', 'b']]

function boundsOf(tokens: number): readonly BoundedStage[] {
  const llm = { model: 'm', calls: 1, promptTokens: tokens, maxOutputTokens: tokens }
  return [
    { stage: 'input', bound: { kind: 'input', tokens: 1 } },
    { stage: 'agent.a', bound: { kind: 'agent', agent: 'a', llm } },
    { stage: 'agent.b', bound: { kind: 'agent', agent: 'b', llm } },
    { stage: 'output', bound: { kind: 'output', maxTokens: 10 } },
  ]
}

const DRAWN = new Set([
  'id',
  'planId',
  'tariffVersionId',
  'periodStart',
  'entryId',
  'operation',
  'createdAt',
  'addedAt',
  'expiresAt',
])

/** An answer without what is drawn anew or told by the clock, and with jobs by their place. */
function comparable(verdict: unknown, organizationId: string, jobs: readonly Job[]): unknown {
  return JSON.parse(
    JSON.stringify(verdict, (key, value: unknown) => {
      if (typeof value === 'bigint') return `${value}`
      if (DRAWN.has(key)) return null
      if (value === organizationId) return 'the organisation'
      const job = jobs.findIndex(({ jobId }) => jobId === value)
      return job === -1 ? value : `job ${job}`
    }),
  )
}
