import { afterEach, describe, expect, it } from 'vitest'
import type { Agent } from '../../src/agents/agent.ts'
import type { Tollkeeper } from '../../src/composition.ts'
import { parseAmount } from '../../src/pricing/money.ts'
import { expectBooksToBalance } from '../support/books.ts'
import {
  BACKENDS_HERE,
  component,
  eventually,
  fundedOrganization,
  openWorld,
  repeater,
  type World,
} from '../support/tollkeeper.ts'

/** A model call may answer with 1,024 tokens: 1.024 at most; prompts are free. */
const PRICES = [
  component('llm-in', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'input' }, '0'),
  component('llm-out', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'output' }, '1000'),
  component('slow-fee', { kind: 'agent', agent: 'slow' }, '0.10'),
]
const CALL = parseAmount('1.024')

/** Bounds one call and makes three. */
function greedy(before: (call: number) => Promise<unknown> = async () => undefined, onError?: () => void): Agent {
  return {
    key: 'greedy',
    bounds: (_text, { model, maxOutputTokens }) => ({ model, calls: 1, promptTokens: 1_000, maxOutputTokens }),
    async run(text, { llm }) {
      const answers: string[] = []
      for (const call of [1, 2, 3]) {
        await before(call)
        const answer = await llm.generate({ system: 'Summarize.', prompt: text }).catch((error: unknown) => {
          onError?.()
          throw error
        })
        answers.push(answer.text)
      }
      return { text: answers.join('\n') }
    },
  }
}

describe.each(BACKENDS_HERE)('an agent that wants more than its job holds, with the queue on %s', (backend) => {
  let world: World
  afterEach(() => world.close())

  async function start(money: string, agents: readonly Agent[]): Promise<Tollkeeper> {
    world = await openWorld(backend)
    const tollkeeper = await world.open(agents)
    await fundedOrganization(tollkeeper, 'acme', money, PRICES)
    await tollkeeper.startWorkers()
    return tollkeeper
  }
  const submit = async ({ service }: Tollkeeper, agents: readonly string[], maxCost: bigint | null = null) =>
    (await service.submit({ organizationId: 'acme', text: 'The ferry leaves at nine.', agents, maxCost })).id
  const until = (tollkeeper: Tollkeeper, id: string, state: string) =>
    eventually(
      () => tollkeeper.service.find(id),
      (job) => job.state === state,
      30_000,
    )
  const pay = (tollkeeper: Tollkeeper, amount: string, reference: string) =>
    tollkeeper.balances.topUp('acme', { amount: parseAmount(amount), reference, note: null })
  const rowsOf = (id: string) =>
    world.database.query<{ stage: string; starts: number; absorbed: number; calls: number }>(
      `select stage, starts, absorbed, (bound -> 'llm' -> 'calls')::int as calls
       from tollkeeper.job_stages where job_id = $1 and stage like 'agent.%' order by stage`,
      [id],
    )
  const cardsOf = async ({ queues }: Tollkeeper) => {
    const cards = []
    for await (const page of queues.listCards()) cards.push(...page)
    return cards
  }

  it('has each further call held for, and pays for what it used', async () => {
    const tollkeeper = await start('10.00', [greedy()])
    const id = await submit(tollkeeper, ['greedy'])
    const job = await until(tollkeeper, id, 'charged')
    const kinds = await world.database.query<{ key: string; amount: string }>(
      `select business_key as key, amount::text from tollkeeper.ledger_entries where kind in ('hold', 'extend') order by seq`,
    )
    expect(kinds).toEqual([
      { key: `hold:${id}:1`, amount: String(CALL) },
      { key: `extend:${id}:agent.greedy:2`, amount: String(CALL) },
      { key: `extend:${id}:agent.greedy:3`, amount: String(CALL) },
    ])
    const receipt = await tollkeeper.jobs.receipt(tollkeeper.em(), id)
    expect(receipt).toMatchObject({ held: 3n * CALL, charged: job.charged, writtenOff: 0n })
    expect(receipt.released).toBe(3n * CALL - job.charged)
    expect(job.charged).toBeGreaterThan(0n)
    expect((await tollkeeper.verifier.verify()).violations).toEqual([])
    await expectBooksToBalance(world.database)
  })

  it('is parked at its stage where there is no money for a call, and comes further with every top-up', async () => {
    const tollkeeper = await start('1.50', [greedy()])
    const id = await submit(tollkeeper, ['greedy'])
    const parked = await until(tollkeeper, id, 'rejected_for_balance')
    expect(parked).toMatchObject({
      stage: 'agent.greedy',
      held: 0n,
      charged: 0n,
      rejection: {
        reason: 'insufficient',
        stage: 'agent.greedy',
        needed: 2n * CALL,
        available: parseAmount('1.50'),
        missing: parseAmount('0.548'),
      },
    })
    const cards = await eventually(
      () => cardsOf(tollkeeper),
      (found) => found.length > 0,
    )
    expect(cards).toEqual([{ jobId: id, generation: 1 }])

    expect((await pay(tollkeeper, '0.548', 'second')).resumedJobs).toEqual([id])
    const again = await eventually(
      () => tollkeeper.service.find(id),
      (job) => job.rejection?.needed === 3n * CALL,
    )
    expect(again).toMatchObject({ state: 'rejected_for_balance', stage: 'agent.greedy', held: 0n })
    expect((await pay(tollkeeper, '1.024', 'third')).resumedJobs).toEqual([id])
    const job = await until(tollkeeper, id, 'charged')
    expect(job).toMatchObject({ rejection: null, held: 0n })
    // The calls of the two runs that were stopped are the platform's: one run of one call, one of two.
    expect(await rowsOf(id)).toEqual([{ stage: 'agent.greedy', starts: 1, absorbed: 2, calls: 3 }])
    await eventually(
      () => cardsOf(tollkeeper),
      (found) => found.length === 0,
    )
    expect((await tollkeeper.verifier.verify()).violations).toEqual([])
    await expectBooksToBalance(world.database)
  })

  it('fails its job where max_cost forbids the call, and costs nothing', async () => {
    const tollkeeper = await start('10.00', [greedy()])
    const id = await submit(tollkeeper, ['greedy'], 2n * CALL)
    const job = await until(tollkeeper, id, 'failed')
    expect(job).toMatchObject({ charged: 0n, failure: { code: 'max-cost-too-low', stage: 'agent.greedy' } })
    const balance = await tollkeeper.balances.balance(tollkeeper.em(), 'acme')
    expect(balance).toMatchObject({ available: 10_000_000_000n, held: 0n })
    await expectBooksToBalance(world.database)
  })

  it('parks the job only when its sibling has ended, which is charged once and never run again', async () => {
    const [running, refused] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    let runs = 0
    const slow: Agent = {
      ...repeater,
      key: 'slow',
      async run() {
        runs += 1
        running.resolve()
        await refused.promise
        return { text: 'slow is done' }
      },
    }
    const hungry = greedy(
      (call) => (call === 2 ? running.promise : Promise.resolve()),
      () => refused.resolve(),
    )
    const tollkeeper = await start('1.50', [hungry, slow])
    const id = await submit(tollkeeper, ['greedy', 'slow'])
    const parked = await until(tollkeeper, id, 'rejected_for_balance')
    expect(parked).toMatchObject({
      stage: 'agent.greedy',
      held: 0n,
      charged: parseAmount('0.10'),
      rejection: { needed: 2n * CALL, available: parseAmount('1.40'), missing: parseAmount('0.648') },
    })
    expect(parked.stages.map(({ stage, state }) => `${stage} ${state}`)).toEqual([
      'input charged',
      'agent.greedy waiting',
      'agent.slow charged',
      'output waiting',
    ])
    await pay(tollkeeper, '10.00', 'second')
    const job = await until(tollkeeper, id, 'charged')
    expect(job.result?.text).toContain('slow is done')
    expect(runs).toBe(1)
    const fees = await world.database.query(`select 1 from tollkeeper.ledger_entries where component = 'slow-fee'`)
    expect(fees).toHaveLength(1)
    expect((await tollkeeper.verifier.verify()).violations).toEqual([])
    await expectBooksToBalance(world.database)
  })

  it('stops a sibling that would go on for ever, and both run again after the top-up', async () => {
    const running = Promise.withResolvers<void>()
    const runs: (() => string)[] = []
    const endless: Agent = {
      ...repeater,
      key: 'slow',
      async run(text, { signal }) {
        runs.push(() => String(signal.reason))
        running.resolve()
        if (runs.length > 1) return { text }
        return new Promise(() => undefined)
      },
    }
    const hungry = greedy((call) => (call === 2 ? running.promise : Promise.resolve()))
    const tollkeeper = await start('1.50', [hungry, endless])
    const id = await submit(tollkeeper, ['greedy', 'slow'])
    const parked = await until(tollkeeper, id, 'rejected_for_balance')
    expect(runs.map((reason) => reason())).toEqual([expect.stringContaining('WorkStopped')])
    expect(parked).toMatchObject({ stage: 'agent.greedy', held: 0n, charged: 0n })
    await pay(tollkeeper, '10.00', 'second')
    const job = await until(tollkeeper, id, 'charged')
    expect(runs).toHaveLength(2)
    expect(job.charged).toBeGreaterThan(parseAmount('0.10'))
    await expectBooksToBalance(world.database)
  })

  it('is stopped by a cancel, and its calls are the platform’s', async () => {
    const calling = Promise.withResolvers<void>()
    const hanging = greedy((call) => {
      if (call === 1) return Promise.resolve()
      calling.resolve()
      return new Promise(() => undefined)
    })
    const tollkeeper = await start('10.00', [hanging])
    const id = await submit(tollkeeper, ['greedy'])
    await calling.promise
    await tollkeeper.service.cancel(id)
    const [row] = await eventually(
      () => rowsOf(id),
      ([stage]) => stage?.absorbed === 1,
    )
    expect(row).toEqual({ stage: 'agent.greedy', starts: 1, absorbed: 1, calls: 1 })
    expect(await tollkeeper.service.find(id)).toMatchObject({ state: 'cancelled', charged: 0n, held: 0n })
    await expectBooksToBalance(world.database)
  })
})
