import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { Batcher } from '../../src/database/money/batcher.ts'
import { type RunBatch, systemTime } from '../../src/database/money/lane.ts'
import { moneyTransactions } from '../../src/database/money/money-pipe.ts'
import { TariffCache } from '../../src/database/money/tariff-cache.ts'
import { openMoneyPool } from '../../src/database/pool.ts'
import { UnavailableError } from '../../src/foundation/errors.ts'
import type { Calls } from '../../src/ledger/calls.ts'
import { expectBooksToBalance } from '../support/books.ts'
import { type SeededRandom, seededRandom, seedsOfRun, withSeeds } from '../support/seeded-random.ts'
import { component, fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'

const LANES = 2
/** 0.001 for an output token, in nano-units. */
const PER_TOKEN = 1_000_000n
const ORGANIZATIONS = Array.from({ length: 24 }, (_, index) => `organization-${index}`)

interface Process extends AsyncDisposable {
  readonly run: RunBatch
  readonly pool: pg.Pool
}

describe('batchers on one database', () => {
  let world: World
  let tollkeeper: Tollkeeper
  beforeAll(async () => {
    world = await openWorld('postgres')
    tollkeeper = await world.open()
    const components = [component('out', { kind: 'output_tokens' }, '1000.00')]
    for (const id of ORGANIZATIONS) await fundedOrganization(tollkeeper, id, '1.00', components)
    await fundedOrganization(tollkeeper, 'acme', '0.60', components)
  })
  afterAll(() => world.close())

  /** What a process has of its own: connections and tariffs. */
  function openProcess(): Process {
    const pool = openMoneyPool(world.database.appUrl, LANES)
    pool.on('error', () => undefined)
    const tariffs = new TariffCache()
    return {
      pool,
      run: moneyTransactions(pool, tariffs),
      [Symbol.asyncDispose]: () => pool.end(),
    }
  }

  async function admitCall(organizationId: string, maxTokens: number): Promise<Calls['admit']> {
    const job = await tollkeeper.openJob({ organizationId, agents: ['x'] })
    const bounds: Calls['admit']['bounds'] = [
      { stage: 'input', bound: { kind: 'input', tokens: 1 } },
      { stage: 'agent.x', bound: { kind: 'agent', agent: 'x', llm: null } },
      { stage: 'output', bound: { kind: 'output', maxTokens } },
    ]
    return { ...job, bounds, outputLimit: maxTokens, parkedExpiresMs: 1_000 }
  }

  it('tells each of fifty racing admits the figures of its own turn', async () => {
    await using process = openProcess()
    const sizes: number[] = []
    const batcher = new Batcher((calls, from) => {
      sizes.push(calls.length)
      return process.run(calls, from)
    })
    const tokens = Array.from({ length: 50 }, (_, index) => 1 + ((index * 37) % 50))
    const calls = await Promise.all(tokens.map((maxTokens) => admitCall('acme', maxTokens)))
    const verdicts = await Promise.all(calls.map((call) => batcher.decide('admit', call)))
    let available = 600n * PER_TOKEN
    const expected = tokens.map((count) => {
      const needed = BigInt(count) * PER_TOKEN
      if (needed > available) return { kind: 'refused', rejection: { needed, available, missing: needed - available } }
      available -= needed
      return { kind: 'admitted', held: needed }
    })
    expect(verdicts).toMatchObject(expected)
    expect(sizes).toEqual([50])
    expect(new Set(expected.map(({ kind }) => kind)).size).toBe(2)
    const missing = verdicts.flatMap((verdict) => (verdict.kind === 'refused' ? verdict.rejection.missing : []))
    expect(new Set(missing).size, 'refusals differ from one another').toBeGreaterThan(5)
    await expectBooksToBalance(world.database)
  })

  it('never deadlocks, whatever organisations three processes ask for, and in whatever order', async () => {
    const references = Array.from({ length: 60 }, (_, index) => `race-${index}`)
    {
      await using stack = new AsyncDisposableStack()
      const all = [1, 2, 3].flatMap((seed) => {
        const batcher = new Batcher(stack.use(openProcess()).run, { lanes: LANES })
        const calls = references.flatMap((reference) =>
          ORGANIZATIONS.map((organizationId) => ({ organizationId, amount: 1n, reference, note: null })),
        )
        return shuffled(calls, seededRandom(seed)).map((call) => batcher.decide('top_up', call))
      })
      const verdicts = await Promise.all(all)
      const first = verdicts.filter((verdict) => verdict.kind === 'funded' && !verdict.replayed)
      expect(verdicts.every(({ kind }) => kind === 'funded')).toBe(true)
      expect(verdicts).toHaveLength(3 * 60 * ORGANIZATIONS.length)
      expect(first, 'each reference pays once, whoever comes first').toHaveLength(60 * ORGANIZATIONS.length)
    }
    const [stats] = await world.database.query<{ deadlocks: string }>(
      'select deadlocks from pg_stat_database where datname = current_database()',
    )
    expect(stats?.deadlocks).toBe('0')
    await expectBooksToBalance(world.database)
  })

  it('makes each effect once when connections are cut and the answers of COMMITs are lost', async () => {
    await withSeeds(seedsOfRun(3), async (seed) => {
      const random = seededRandom(seed)
      await using process = openProcess()
      const faults = { before: 0, after: 0, cut: 0 }
      // Each fault strikes once for certain, then as chance has it.
      const certain = [0, 20, 80]
      const run: RunBatch = async (calls, from) => {
        const dice = certain.pop() ?? random.below(100)
        if (dice < 15) faults.before += 1
        if (dice < 15) throw lost()
        if (dice < 25) faults.cut += 1
        const cut = dice < 25 ? world.database.cutConnections('tollkeeper money') : undefined
        const verdicts = await process.run(calls, from)
        await cut
        if (dice >= 75) faults.after += 1
        if (dice >= 75) throw lost()
        return verdicts
      }
      const time = { ...systemTime, pause: (ms: number) => systemTime.pause(ms / 50) }
      const batch = { calls: 6, bytes: 2 ** 20, rows: 1_000, whole: 2, behind: 1 }
      const batcher = new Batcher(run, { lanes: LANES, batch, time })
      const settled = ORGANIZATIONS.map(async (organizationId) => {
        const admit = await admitCall(organizationId, 3)
        const usage = { kind: 'output', tokens: 2 } as const
        const { jobId } = admit
        await insist(() => batcher.decide('admit', admit))
        return insist(() => batcher.decide('settle', { organizationId, jobId, stage: 'output', usage, result: null }))
      })
      const paid = Array.from({ length: 100 }, async (_, index) => {
        const call = { organizationId: random.pick(ORGANIZATIONS), reference: `${seed}-${index}`, note: null }
        return insist(() => batcher.decide('top_up', { ...call, amount: BigInt(1 + index) }))
      })
      const topUps = await Promise.all(paid)
      expect(topUps.map((verdict) => verdict.kind === 'funded' && verdict.amount)).toEqual(
        topUps.map((_, index) => BigInt(1 + index)),
      )
      const charges = (await Promise.all(settled)).map((verdict) => verdict.kind === 'settled' && verdict.charged)
      expect(charges).toEqual(ORGANIZATIONS.map(() => 2n * PER_TOKEN))
      await batcher.drain()
      expect(Math.min(faults.before, faults.after, faults.cut), JSON.stringify(faults)).toBeGreaterThan(0)
      const entries = await world.database.query('select 1 from tollkeeper.ledger_entries where reference like $1', [
        `${seed}-%`,
      ])
      expect(entries).toHaveLength(100)
      await expectBooksToBalance(world.database)
    })
  })
})

const lost = (): Error => Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })

/** Calls again while the database does not answer, as a queue or a client does. */
async function insist<T>(call: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await call()
    } catch (error) {
      if (!(error instanceof UnavailableError) || tries >= 20) throw error
    }
  }
}

function shuffled<T>(items: readonly T[], random: SeededRandom): T[] {
  const rest = [...items]
  return items.flatMap(() => rest.splice(random.below(rest.length), 1))
}
