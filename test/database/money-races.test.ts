import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { expectBooksToBalance } from '../support/books.ts'
import { component, eventually, fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'

/** Several processes on one database: what one process alone can never show, since its batches follow one another. */
describe('processes that move money at once', () => {
  let world: World
  let processes: readonly [Tollkeeper, Tollkeeper, Tollkeeper]
  beforeAll(async () => {
    world = await openWorld('postgres')
    processes = [await world.open(), await world.open(), await world.open()]
  })
  afterAll(() => world.close())

  it('lose none of it, though all of them write to the same organisation', async () => {
    await fundedOrganization(processes[0], 'shared', '0', [])
    const pay = async ({ balances }: Tollkeeper, process: number): Promise<void> => {
      for (let n = 0; n < 40; n += 1)
        await balances.topUp('shared', { amount: 1n, reference: `${process}-${n}`, note: null })
    }
    await Promise.all(processes.map(pay))
    const balance = await processes[0].balances.balance(processes[0].em(), 'shared')
    expect(balance).toMatchObject({ available: 120n, asOfSeq: 120 })
    await expectBooksToBalance(world.database)
  })

  it('tell each caller of a batch what became of its own money', async () => {
    const [{ balances }] = processes
    await fundedOrganization(processes[0], 'counted', '0', [])
    const amounts = Array.from({ length: 50 }, (_, index) => BigInt(index + 1))
    const answers = await Promise.all(
      amounts.map((amount) => balances.topUp('counted', { amount, reference: `pays ${amount}`, note: null })),
    )
    expect(answers.map((answer) => answer.amount)).toEqual(amounts)
    expect(answers.map((answer) => answer.seq)).toEqual(amounts.map(Number))
  })

  it('answer a stage that is settled again by its stored lines, whichever of them is asked', async () => {
    const [first, second] = processes
    await fundedOrganization(first, 'again', '1.00', [component('out', { kind: 'output_tokens' }, '1000.00')])
    const job = await first.openJob({ organizationId: 'again', agents: ['x'] })
    const bounds = [
      { stage: 'input', bound: { kind: 'input', tokens: 1 } },
      { stage: 'agent.x', bound: { kind: 'agent', agent: 'x', llm: null } },
      { stage: 'output', bound: { kind: 'output', maxTokens: 10 } },
    ] as const
    const admitted = await first.billing.admit(job, bounds)
    const settled = await first.billing.settle({ ...job, stage: 'output' }, { kind: 'output', tokens: 5 })
    const entries = () =>
      world.database.query(`select 1 from tollkeeper.ledger_entries where organization_id = 'again'`)
    const before = await entries()
    expect(await second.billing.admit(job, bounds)).toEqual(admitted)
    const replayed = await second.billing.settle({ ...job, stage: 'output' }, { kind: 'output', tokens: 9 })
    expect(replayed).toEqual({ ...settled, replayed: true, absorbed: 9_000_000n })
    expect(await entries()).toEqual(before)
  })

  it('never wait for one another in a circle, whatever order their callers come in', async () => {
    const several = [await world.open(), await world.open()]
    const ids = Array.from({ length: 20 }, (_, index) => `circle-${index + 10}`)
    for (const id of ids) await fundedOrganization(processes[0], id, '0', [])
    const stranger = new pg.Client({ connectionString: world.database.ownerUrl })
    await stranger.connect()
    try {
      // So many rounds, because orders that differ by chance only may agree in one of two.
      for (const held of ids) {
        // A stranger's lock stops both batches half-way, each with the rows that it has locked so far.
        await stranger.query('begin')
        await stranger.query('select 1 from tollkeeper.organization_balances where organization_id = $1 for update', [
          held,
        ])
        const pays = several.flatMap(({ balances }, process) =>
          (process === 0 ? ids : ids.toReversed()).map((id) =>
            balances.topUp(id, { amount: 1n, reference: `${process} ${held}`, note: null }),
          ),
        )
        await eventually(
          () => world.database.query(WAITING),
          (rows) => rows.length >= 2,
        )
        await stranger.query('rollback')
        await Promise.all(pays)
      }
    } finally {
      await stranger.end()
    }
    // A connection reports the deadlocks that it met when it ends.
    await Promise.all([...several, ...processes].map((tollkeeper) => tollkeeper.close()))
    await eventually(
      () => world.database.query(MONEY),
      (rows) => rows.length === 0,
    )
    const deadlocks = 'select deadlocks::int from pg_stat_database where datname = current_database()'
    expect(await world.database.query(deadlocks)).toEqual([{ deadlocks: 0 }])
    await expectBooksToBalance(world.database)
  })
})

/** The connections of the money path. */
const MONEY = `select 1 from pg_stat_activity where datname = current_database() and application_name = 'tollkeeper money'`
const WAITING = `select distinct pid from pg_locks join pg_stat_activity using (pid)
  where datname = current_database() and not granted`
