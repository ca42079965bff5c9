import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { expect } from 'vitest'
import { invariant } from '../../src/foundation/invariant.ts'
import { eventually } from '../support/tollkeeper.ts'
import { expectAtRest, states } from './at-rest.ts'
import type { ChaosCase } from './chaos-case.ts'
import type { ChaosProcess } from './chaos-process.ts'
import { type ChaosWorld, ORGANIZATION, openChaos } from './chaos-world.ts'
import { forgetQueues } from './kill-cases.ts'
import { patient } from './model-server.ts'

const DELIVERIES = 1_000
/** What we promise of a connection that is open and silent. */
const HALF_OPEN_MS = 30_000

/** Jobs in every stage of their lives: some wait, some are with the model, some are charged. */
async function load(world: ChaosWorld): Promise<void> {
  await Promise.all([world.start(), world.start()])
  await world.submit('early', ['alpha', 'beta'], 6)
  await world.model.asked(4)
  await world.submit('late', ['alpha'], 12)
}

/** One command, on a connection of its own, to the case's Redis. */
async function tellRedis(world: ChaosWorld, ...command: readonly [string, ...string[]]): Promise<void> {
  invariant(world.redis, 'the case runs on Redis')
  const client = new Redis(world.redis.url)
  try {
    await client.call(...command)
  } finally {
    client.disconnect()
  }
}

const redisKilled = [false, true].map((forgetful): ChaosCase => {
  return {
    name: `Redis is killed ${forgetful ? 'and has no append-only file' : 'with its append-only file'}`,
    backends: ['redis'],
    async run(backend, draws, tell) {
      const downMs = draws.between(100, 3_000)
      tell(`down for ${downMs} ms`)
      await using world = await openChaos(backend, { forgetful })
      await load(world)
      await world.redis?.down()
      await sleep(downMs)
      await world.redis?.up()
      await expectAtRest(world, { charged: 18 })
      expect(world.processes.map((each) => each.running())).toEqual([true, true])
    },
  }
})

const flushed: ChaosCase = {
  name: 'FLUSHALL under load',
  backends: ['redis'],
  async run(backend, draws, tell) {
    const afterMs = draws.between(0, 600)
    tell(`after ${afterMs} ms`)
    await using world = await openChaos(backend)
    await load(world)
    await sleep(afterMs)
    await tellRedis(world, 'FLUSHALL')
    await expectAtRest(world, { charged: 18 })
  },
}

const obliterated: ChaosCase = {
  name: 'every queue is obliterated under load',
  async run(backend, draws, tell) {
    const afterMs = draws.between(0, 600)
    tell(`after ${afterMs} ms`)
    await using world = await openChaos(backend)
    await load(world)
    await sleep(afterMs)
    await forgetQueues(world)
    await expectAtRest(world, { charged: 18 })
  },
}

async function submitOverHttp(api: ChaosProcess, label: string): Promise<void> {
  const body = { organization_id: ORGANIZATION, text: `${label} over HTTP`, agents: ['alpha'] }
  const response = await api.send('POST', '/jobs', body)
  expect(response.status, 'a stored row is an answer, whatever the queue says').toBe(202)
}

const redisFull: ChaosCase = {
  name: 'Redis is full under load and at a submit',
  backends: ['redis'],
  async run(backend) {
    await using world = await openChaos(backend)
    await load(world)
    const [api] = world.processes as [ChaosProcess]
    await tellRedis(world, 'CONFIG', 'SET', 'maxmemory', '1')
    await submitOverHttp(api, 'full')
    await sleep(2_000)
    await tellRedis(world, 'CONFIG', 'SET', 'maxmemory', '0')
    await expectAtRest(world, { charged: 19 })
  },
}

const redisDown: ChaosCase = {
  name: 'Redis is down at a submit',
  backends: ['redis'],
  async run(backend) {
    await using world = await openChaos(backend)
    const api = await world.start()
    await world.redis?.down()
    await submitOverHttp(api, 'down')
    expect(await states(world)).toEqual({ queued: 1 })
    await world.redis?.up()
    await expectAtRest(world, { charged: 1 })
  },
}

const halfOpen: ChaosCase = {
  name: 'every socket to Redis is half-open',
  backends: ['redis'],
  async run(backend) {
    await using world = await openChaos(backend)
    const worker = await world.startBehindProxy()
    await world.submit('silent', ['alpha', 'beta'], 4)
    await world.model.asked(1)
    world.redisProxy?.strand()
    await expectAtRest(world, { charged: 4 }, { patienceMs: HALF_OPEN_MS })
    expect(worker.running()).toBe(true)
  },
}

const thousandDeliveries: ChaosCase = {
  name: `one stage is delivered ${DELIVERIES} times at once`,
  async run(backend) {
    await using world = await openChaos(backend)
    world.model.become(async (call, asked) => {
      await sleep(1_500)
      return patient(call, asked)
    })
    await Promise.all([world.start(), world.start(), world.start()])
    const [jobId = ''] = await world.submit('crowd', ['alpha'])
    await world.model.asked(1)
    const queue = world.tollkeeper.queues.boardQueues().find(({ name }) => name === 'pipeline.agent')
    invariant(queue, 'there is a queue for agents')
    const copies = Array.from({ length: DELIVERIES }, (_, index) => {
      return { name: 'copy', data: { jobId, stage: 'agent.alpha' }, opts: { jobId: `copy-${index}` } }
    })
    await queue.addBulk(copies)
    await expectAtRest(world, { charged: 1 })
    expect(world.model.calls.length).toBeLessThanOrEqual(2)
  },
}

const meddled: ChaosCase = {
  name: 'a charged job is retried, edited and added again',
  async run(backend) {
    await using world = await openChaos(backend)
    await world.start()
    const [jobId = ''] = await world.submit('done', ['alpha'])
    const [otherId = ''] = await world.submit('other', ['beta'])
    await eventually(
      () => states(world),
      (seen) => seen.charged === 2,
    )
    const before = await world.database.query('select * from tollkeeper.ledger_entries order by seq')
    for (const queue of world.tollkeeper.queues.boardQueues()) {
      for (const job of await queue.getCompleted()) {
        if (!queue.name.startsWith('pipeline.')) continue
        await job.updateData({ ...job.data, jobId: otherId })
        await job.retry('completed')
      }
    }
    for (const stage of ['input', 'agent.alpha', 'output']) {
      const name = stage.startsWith('agent') ? 'pipeline.agent' : `pipeline.${stage}`
      const queue = world.tollkeeper.queues.boardQueues().find((each) => each.name === name)
      await queue?.addBulk(
        [1, 2, 3].map((copy) => ({
          name: 'again',
          data: { jobId, stage },
          opts: { jobId: `again-${stage}-${copy}`, priority: copy },
        })),
      )
    }
    await expectAtRest(world, { charged: 2 })
    expect(await world.database.query('select * from tollkeeper.ledger_entries order by seq')).toEqual(before)
    expect(world.model.calls).toHaveLength(2)
  },
}

export const QUEUE_CASES: readonly ChaosCase[] = [
  ...redisKilled,
  flushed,
  obliterated,
  redisFull,
  redisDown,
  halfOpen,
  thousandDeliveries,
  meddled,
]
