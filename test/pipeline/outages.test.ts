import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterEach, describe, expect, it } from 'vitest'
import type { Agent } from '../../src/agents/agent.ts'
import { compose, type Tollkeeper } from '../../src/composition.ts'
import { readConfig } from '../../src/config/config.ts'
import { migrate } from '../../src/database/migrate.ts'
import { migrateQueues } from '../../src/queues/migrate.ts'
import { startQueuePostgres } from '../queues/queue-postgres.ts'
import { expectBooksToBalance } from '../support/books.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import {
  BACKENDS_HERE,
  component,
  eventually,
  fundedOrganization,
  openWorld,
  repeater,
  type World,
} from '../support/tollkeeper.ts'

const FEE = [component('fee', { kind: 'agent', agent: 'repeater' }, '1.00')]
const submit = async ({ service }: Tollkeeper, organizationId = 'acme') =>
  (await service.submit({ organizationId, text: 'text', agents: ['repeater'] })).id
const becomes = (tollkeeper: Tollkeeper, id: string, state: string, timeoutMs = 30_000) =>
  eventually(
    () => tollkeeper.service.find(id),
    (job) => job.state === state,
    timeoutMs,
  )

describe.runIf(BACKENDS_HERE.includes('redis'))('while Redis takes nothing', () => {
  let world: World
  let redis: TestRedis
  afterEach(async () => {
    await redis.up()
    await world.close()
    await redis.end()
  })

  const fill = async (bytes: string) => {
    const admin = new Redis(redis.url)
    await admin.config('SET', 'maxmemory', bytes)
    admin.disconnect()
  }

  it.each([
    { what: 'down', take: () => redis.down(), give: () => redis.up() },
    { what: 'full', take: () => fill('1'), give: () => fill('0') },
  ])(
    'because it is $what, jobs are stored, what needs no queue goes on, and later each is charged once',
    async ({ take, give }) => {
      redis = await startRedis()
      world = await openWorld('postgres', { REDIS_URL: redis.url })
      const tollkeeper = await world.open([repeater])
      await fundedOrganization(tollkeeper, 'acme', '10.00', FEE)
      await fundedOrganization(tollkeeper, 'poor', '0', FEE)
      await tollkeeper.startWorkers()
      const parked = await submit(tollkeeper, 'poor')
      await becomes(tollkeeper, parked, 'rejected_for_balance')

      await take()
      const began = Date.now()
      const ids = await Promise.all([submit(tollkeeper), submit(tollkeeper), submit(tollkeeper)])
      expect(Date.now() - began, 'no submit waits for the queue').toBeLessThan(2_500)
      await world.database.query(`update tollkeeper.jobs set expires_at = now() where id = $1`, [parked])
      await becomes(tollkeeper, parked, 'cancelled')
      for (const id of ids) expect(await tollkeeper.service.find(id)).toMatchObject({ state: 'queued', charged: 0n })

      await give()
      for (const id of ids) await becomes(tollkeeper, id, 'charged')
      const balance = await tollkeeper.balances.balance(tollkeeper.em(), 'acme')
      expect(balance).toMatchObject({ available: 7_000_000_000n, held: 0n })
      await expectBooksToBalance(world.database)
    },
    90_000,
  )
})

describe.each(BACKENDS_HERE)('a PostgreSQL that dies in mid-job, with the queue on %s', (backend) => {
  it('costs the job no attempt: it goes on when the database is back, and is charged once', async () => {
    const postgres = await startQueuePostgres()
    const redis = backend === 'redis' ? await startRedis() : null
    const working = Promise.withResolvers<void>()
    const back = Promise.withResolvers<void>()
    const agent: Agent = {
      ...repeater,
      async run(text) {
        working.resolve()
        await back.promise
        return { text }
      },
    }
    await migrate(postgres.url, migrateQueues)
    const config = readConfig({
      NODE_ENV: 'test',
      DATABASE_URL: postgres.url,
      LOG_LEVEL: 'silent',
      RECONCILE_INTERVAL_MS: '500',
      ...(redis ? { REDIS_URL: redis.url } : {}),
    })
    const tollkeeper = await compose({ config, agents: [agent] })
    try {
      await fundedOrganization(tollkeeper, 'acme', '10.00', FEE)
      await tollkeeper.startWorkers()
      const id = await submit(tollkeeper)
      await working.promise
      await postgres.down()
      back.resolve()
      // Three attempts of the queue would be over by then.
      await pause(7_000)
      await postgres.up()
      const job = await eventually(
        () => tollkeeper.service.find(id).catch(() => null),
        (seen) => seen?.state === 'charged' || seen?.state === 'failed',
        30_000,
      )
      expect(job).toMatchObject({ state: 'charged', charged: 1_000_000_000n, held: 0n })
      const stage = await tollkeeper
        .em()
        .execute(`select delivery from tollkeeper.job_stages where stage = 'agent.repeater'`)
      if (redis) expect(stage, 'the same queue job went on').toEqual([{ delivery: 2 }])
      const entries = await tollkeeper.em().execute(`select kind from tollkeeper.ledger_entries where kind = 'charge'`)
      expect(entries).toHaveLength(1)
    } finally {
      await tollkeeper.close()
      await redis?.end()
      await postgres.end()
    }
  }, 90_000)
})
