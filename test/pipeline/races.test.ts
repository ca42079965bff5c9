import { afterEach, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import type { JobOf, StageOf } from '../../src/managers/token-based-billing.manager.ts'
import { parseAmount } from '../../src/pricing/money.ts'
import type { BoundedStage } from '../../src/pricing/quote.ts'
import type { StageUsage } from '../../src/pricing/usage.ts'
import { expectBooksToBalance } from '../support/books.ts'
import { component, fundedOrganization, openWorld, repeater, type World } from '../support/tollkeeper.ts'

/** A job costs exactly 1.00 for its agent; 0.50 for each model call that it asks for beyond. */
const PRICES = [
  component('fee', { kind: 'agent', agent: 'repeater' }, '1.00'),
  component('llm-in', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'input' }, '0'),
  component('llm-out', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'output' }, '50000'),
]
const [ONE, HALF] = [parseAmount('1.00'), parseAmount('0.50')]
const BOUNDS: readonly BoundedStage[] = [
  { stage: 'input', bound: { kind: 'input', tokens: 5 } },
  {
    stage: 'agent.repeater',
    bound: { kind: 'agent', agent: 'repeater', llm: { model: 'm', calls: 0, promptTokens: 1, maxOutputTokens: 10 } },
  },
  { stage: 'output', bound: { kind: 'output', maxTokens: 10 } },
]
const USAGE: StageUsage = { kind: 'agent', agent: 'repeater', llm: [] }
const TWENTY = Array.from({ length: 20 })

// The queue has no part in these: its backend decides nothing about money, and no worker runs.
describe('two processes that race for the same job', () => {
  let world: World
  afterEach(() => world.close())

  /** Two processes' worth of the system, which share no batch. */
  async function start(money: string): Promise<readonly [Tollkeeper, Tollkeeper]> {
    world = await openWorld('postgres')
    const both = [await world.open([repeater]), await world.open([repeater])] as const
    await fundedOrganization(both[0], 'acme', money, PRICES)
    return both
  }
  const submit = async ({ service }: Tollkeeper): Promise<JobOf> => {
    const { id } = await service.submit({ organizationId: 'acme', text: 'text', agents: ['repeater'] })
    return { organizationId: 'acme', jobId: id }
  }
  /** Jobs whose agent is claimed, as many as there is money for. */
  const working = (tollkeeper: Tollkeeper): Promise<StageOf[]> =>
    Promise.all(
      TWENTY.map(async () => {
        const of = await submit(tollkeeper)
        expect(await tollkeeper.billing.admit(of, BOUNDS)).toMatchObject({ kind: 'admitted' })
        const stage = { ...of, stage: 'agent.repeater' }
        expect((await tollkeeper.billing.claim(stage)).verdict).toMatchObject({ kind: 'granted' })
        return stage
      }),
    )
  const lapseClaims = () =>
    world.database.query(`update tollkeeper.job_stages set claimed_until = now() - interval '1 minute'
      where claimed_until is not null`)
  const kindsOf = async (jobId: string) => {
    const rows = await world.database.query<{ kind: string }>(
      'select kind from tollkeeper.ledger_entries where job_id = $1 order by seq',
      [jobId],
    )
    return rows.map(({ kind }) => kind)
  }
  const balance = (tollkeeper: Tollkeeper) => tollkeeper.balances.balance(tollkeeper.em(), 'acme')

  it('a cancel and a settle: either the stage is charged and stays so, or its work is absorbed', async () => {
    const [one, two] = await start('20.00')
    const stages = await working(one)
    const verdicts = await Promise.all(
      stages.map((of) => Promise.all([one.billing.cancel(of), two.billing.settle(of, USAGE, 'text')])),
    )
    for (const [index, [cancelled, settled]] of verdicts.entries()) {
      const { jobId = '' } = stages[index] ?? {}
      expect(cancelled).toEqual({ kind: 'cancelled' })
      const job = await one.service.find(jobId)
      expect(job).toMatchObject({ state: 'cancelled', held: 0n, charged: settled.kind === 'settled' ? ONE : 0n })
      const kinds = settled.kind === 'settled' ? ['hold', 'charge'] : ['hold', 'release']
      expect(await kindsOf(jobId)).toEqual(kinds)
      // An old answer that comes to a final job finds nothing to take.
      expect(await two.billing.settle(agentOf(jobId), USAGE, 'late')).toMatchObject({
        kind: settled.kind === 'settled' ? 'settled' : 'absorbed',
      })
      expect(await kindsOf(jobId)).toEqual(kinds)
    }
    await expectBooksToBalance(world.database)
  })

  it('a deadline that lapses and a settle: one of them wins, never both', async () => {
    const [one, two] = await start('20.00')
    const stages = await working(one)
    await lapseClaims()
    const failure = { code: 'stage-deadline', stage: 'agent.repeater', detail: 'too late' } as const
    const verdicts = await Promise.all(
      stages.map((of) => Promise.all([one.billing.fail(of, null, failure), two.billing.settle(of, USAGE, 'text')])),
    )
    for (const [index, [failed, settled]] of verdicts.entries()) {
      expect([failed.kind, settled.kind].sort()).toEqual(
        failed.kind === 'failed' ? ['absorbed', 'failed'] : ['refused', 'settled'],
      )
      const job = await one.service.find(stages[index]?.jobId ?? '')
      expect(job).toMatchObject(
        failed.kind === 'failed' ? { state: 'failed', charged: 0n, held: 0n } : { state: 'processing', charged: ONE },
      )
    }
    await expectBooksToBalance(world.database)
  })

  it('a wake and a wake: each parked job that fits is resumed once, and no money is spent twice', async () => {
    const [one, two] = await start('0')
    const jobs = []
    for (const _ of TWENTY) {
      const job = await submit(one)
      expect(await one.billing.admit(job, BOUNDS)).toMatchObject({ kind: 'refused' })
      jobs.push(job)
    }
    // Behind the wakes' back, so that both find the money at once.
    await world.database.query('update tollkeeper.organization_balances set overdraft_limit = $1', [String(7n * ONE)])
    const wakeAll = async ({ billing }: Tollkeeper) => {
      const resumed: string[] = []
      for await (const page of billing.wake('acme')) resumed.push(...page.resumed.map(({ jobId }) => jobId))
      return resumed
    }
    const resumed = (await Promise.all([wakeAll(one), wakeAll(two), wakeAll(one), wakeAll(two)])).flat()
    expect(resumed.sort()).toEqual(
      jobs
        .slice(0, 7)
        .map(({ jobId }) => jobId)
        .sort(),
    )
    expect(await balance(one)).toMatchObject({ available: -7n * ONE, held: 7n * ONE, parked: 13 })
    await expectBooksToBalance(world.database)
  })

  it('a top-up and a rejection: the job is accepted or resumed, and never waits for money that is there', async () => {
    const [one, two] = await start('0')
    const jobs = await Promise.all(TWENTY.map(() => submit(one)))
    const outcomes = await Promise.all(
      jobs.map((job, index) => {
        const payment = { amount: ONE, reference: `payment-${index}`, note: null }
        return Promise.all([one.billing.admit(job, BOUNDS), two.balances.topUp('acme', payment)])
      }),
    )
    const resumed = outcomes.flatMap(([, payment]) => payment.resumedJobs)
    const admitted = jobs.filter((_, index) => outcomes[index]?.[0].kind === 'admitted').map(({ jobId }) => jobId)
    // What is parked after the last payment is for the notice of that payment's transaction: here, for a wake.
    const late: string[] = []
    for await (const page of one.billing.wake('acme')) late.push(...page.resumed.map(({ jobId }) => jobId))
    expect([...admitted, ...resumed, ...late].sort()).toEqual(jobs.map(({ jobId }) => jobId).sort())
    expect(await balance(one)).toMatchObject({ available: 0n, held: 20n * ONE, parked: 0 })
    await expectBooksToBalance(world.database)
  })

  it('free units that went to another job: what no money helps any more is failed by a wake, and costs nothing', async () => {
    const [one, two] = await start('0')
    const perToken = '1000000'
    await fundedOrganization(one, 'beta', '180.00', [
      component('input', { kind: 'input_tokens' }, perToken),
      component('llm-in', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'input', included: 100 }, perToken),
      component('llm-out', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'output' }, perToken),
    ])
    const llm = { model: 'm', calls: 1, promptTokens: 100, maxOutputTokens: 30 }
    const bounds: readonly BoundedStage[] = BOUNDS.map(({ stage, bound }) => {
      return { stage, bound: bound.kind === 'agent' ? { ...bound, llm } : bound }
    })
    const open = async (maxCost: bigint | null) => {
      const job = { organizationId: 'beta', text: 'text', agents: ['repeater'], maxCost }
      const { id } = await one.service.submit(job)
      const of = { organizationId: 'beta', jobId: id }
      expect(await one.billing.admit(of, bounds)).toMatchObject({ kind: 'admitted' })
      return of
    }
    const poor = await open(200n * ONE)
    const { claim } = await one.billing.claim({ ...poor, stage: 'agent.repeater' })
    // Its second call costs 130 more, and 115 are left. With 100 more tokens to pay, even its shortest run exceeds max_cost.
    await one.balances.adjust('beta', { amount: 30n * ONE, direction: 'debit', reference: 'fee', note: null })
    expect(await one.billing.extend(claim, 2)).toMatchObject({ kind: 'refused', parked: { stage: 'agent.repeater' } })
    await open(null)
    const seen = []
    for await (const page of two.billing.wake('beta')) seen.push([page.resumed, page.hopeless])
    expect(seen).toEqual([
      [[], [poor.jobId]],
      [[], []],
    ])
    expect(await one.service.find(poor.jobId)).toMatchObject({
      state: 'failed',
      charged: 0n,
      failure: { code: 'max-cost-too-low', stage: 'agent.repeater' },
    })
    expect(await kindsOf(poor.jobId)).toEqual(['hold', 'charge', 'release', 'reversal'])
    await expectBooksToBalance(world.database)
  })

  it('extensions: exactly as many are granted as there is money for, and the same one asked twice is taken once', async () => {
    const [one, two] = await start('23.50')
    const claims = await Promise.all(
      TWENTY.map(async () => {
        const job = await one.openJob({ organizationId: 'acme', agents: ['repeater'] })
        await one.billing.admit(job, BOUNDS)
        return { ...job, stage: 'agent.repeater' }
      }),
    )
    const verdicts = await Promise.all(
      claims.map((of) => Promise.all([one.billing.extend(of, 1), two.billing.extend(of, 1)])),
    )
    const granted = verdicts.filter(([first]) => first.kind === 'granted')
    expect(granted).toHaveLength(7)
    for (const [first, second] of verdicts) expect(second).toEqual(first)
    for (const [first] of granted) expect(first).toMatchObject({ kind: 'granted', calls: 1, extended: HALF })
    expect(await balance(one)).toMatchObject({ available: 0n, held: 23n * ONE + HALF })
    expect(() => one.billing.extend(claims[0] as StageOf, 1.5)).toThrow(/from 1 to/)
    await expectBooksToBalance(world.database)
  })
})

const agentOf = (jobId: string): StageOf => ({ organizationId: 'acme', jobId, stage: 'agent.repeater' })
