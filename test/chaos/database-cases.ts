import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { eventually } from '../support/tollkeeper.ts'
import { expectAtRest, stageOf, states } from './at-rest.ts'
import type { ChaosCase } from './chaos-case.ts'
import { type ChaosWorld, openChaos } from './chaos-world.ts'
import { patient } from './model-server.ts'

/** Batches of the money path that a chain and a flow send at least. */
const BATCHES = 5
/** What we promise of a connection that is open and silent. */
const HALF_OPEN_MS = 30_000

async function oneChainAndOneFlow(world: ChaosWorld): Promise<void> {
  await world.submit('chain', ['alpha'])
  await world.submit('flow', ['alpha', 'beta'])
}

const terminated: ChaosCase = {
  name: 'pg_terminate_backend inside the money transaction',
  async run(backend, draws, tell) {
    const pass = draws.between(1, BATCHES)
    tell(`pass ${pass}`)
    await using world = await openChaos(backend)
    const worker = await world.start({ FAILPOINT: `money.in-transaction:delay=800@${pass}` })
    await oneChainAndOneFlow(world)
    await worker.fired
    await world.database.cutConnections('tollkeeper money')
    await expectAtRest(world, { charged: 2 })
    expect(world.model.calls).toHaveLength(3)
    expect(worker.running()).toBe(true)
  },
}

const stoodStill: ChaosCase = {
  name: 'a process that stands still inside the money transaction',
  async run(backend, draws, tell) {
    const pass = draws.between(1, BATCHES)
    tell(`pass ${pass}`)
    await using world = await openChaos(backend)
    // Longer than PostgreSQL lets a transaction idle, and shorter than a claim.
    const worker = await world.start({ FAILPOINT: `money.in-transaction:delay=3000@${pass}` })
    await oneChainAndOneFlow(world)
    await worker.fired
    await expectAtRest(world, { charged: 2 })
    expect(world.model.calls).toHaveLength(3)
    expect(worker.running()).toBe(true)
  },
}

const answerLost: ChaosCase = {
  name: 'the answer of COMMIT is lost',
  async run(backend, draws, tell) {
    const pass = draws.between(1, BATCHES)
    tell(`pass ${pass}`)
    await using world = await openChaos(backend)
    const worker = await world.startBehindProxy({ FAILPOINT: `money.in-transaction:delay=500@${pass}` })
    await oneChainAndOneFlow(world)
    await worker.fired
    world.databaseProxy.dropReplies(true)
    await sleep(1_500)
    world.databaseProxy.dropReplies(false)
    world.databaseProxy.cut()
    await expectAtRest(world, { charged: 2 })
    expect(world.model.calls, 'what was stored is looked up, not done again').toHaveLength(3)
    expect(worker.running()).toBe(true)
  },
}

const halfOpen: ChaosCase = {
  name: 'every socket to PostgreSQL is half-open',
  async run(backend) {
    await using world = await openChaos(backend)
    const worker = await world.startBehindProxy()
    await oneChainAndOneFlow(world)
    await world.model.asked(1)
    world.databaseProxy.strand()
    await expectAtRest(world, { charged: 2 }, { patienceMs: HALF_OPEN_MS })
    expect(worker.running()).toBe(true)
  },
}

const restarted: ChaosCase = {
  name: 'PostgreSQL crashes and comes back in mid-job',
  async run(backend, draws, tell) {
    const downMs = draws.between(100, 4_000)
    tell(`down for ${downMs} ms`)
    await using world = await openChaos(backend, { ownPostgres: true })
    await Promise.all([world.start(), world.start()])
    await world.submit('before', ['alpha', 'beta'], 4)
    await world.submit('chain', ['alpha'], 4)
    await world.model.asked(2)
    await world.ownPostgres?.down()
    await sleep(downMs)
    await world.ownPostgres?.up()
    await expectAtRest(world, { charged: 8 })
    expect(world.processes.map((each) => each.running())).toEqual([true, true])
  },
}

const zombie: ChaosCase = {
  name: 'a zombie wakes up when another worker has finished its stage',
  async run(backend) {
    await using world = await openChaos(backend)
    const worker = await world.start({ FAILPOINT: 'agent.after-model:stop@1' })
    const [id = ''] = await world.submit('zombie', ['alpha'])
    await worker.fired
    const other = await world.start()
    await eventually(
      () => states(world),
      (seen) => seen.charged === 1,
      40_000,
    )
    const before = await world.database.query('select * from tollkeeper.ledger_entries order by seq')
    worker.goOn()
    await eventually(
      () => stageOf(world, id, 'agent.alpha'),
      ({ absorbed }) => absorbed > 0,
    )
    expect(await world.database.query('select * from tollkeeper.ledger_entries order by seq')).toEqual(before)
    expect(await stageOf(world, id, 'agent.alpha')).toEqual({ starts: 2, absorbed: 1 })
    await other.kill()
    await world.submit('after', ['alpha'])
    await expectAtRest(world, { charged: 2 })
    expect(world.model.calls).toHaveLength(3)
  },
}

const failingZombie: ChaosCase = {
  name: 'a zombie wakes up to fail a stage that is no longer its own',
  async run(backend) {
    await using world = await openChaos(backend)
    const worker = await world.start({ FAILPOINT: 'agent.before-model:stop@1' })
    const zombieAnswered = Promise.withResolvers<void>()
    world.model.become(async (call, asked) => {
      if (call.pid === worker.pid) {
        zombieAnswered.resolve()
        return { status: 400, text: 'no' }
      }
      // The new owner is in the middle of its work when the old one fails, or gives up.
      await Promise.race([zombieAnswered.promise, sleep(5_000)])
      return patient(call, asked)
    })
    await world.submit('contested', ['alpha'])
    await worker.fired
    await world.start()
    await world.model.asked(1)
    worker.goOn()
    await expectAtRest(world, { charged: 1 }, { callsAtOnce: 2 })
  },
}

export const DATABASE_CASES: readonly ChaosCase[] = [
  terminated,
  stoodStill,
  answerLost,
  halfOpen,
  restarted,
  zombie,
  failingZombie,
]
