import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { eventually } from '../support/tollkeeper.ts'
import { drained, expectAtRest, stageOf, states } from './at-rest.ts'
import type { ChaosCase } from './chaos-case.ts'
import { type ChaosWorld, ORGANIZATION, openChaos } from './chaos-world.ts'
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
  name: 'a zombie wakes up when another worker has charged its stage',
  async run(backend) {
    await using world = await openChaos(backend)
    // The job is not final when the zombie settles: only the stage's own row says that it is paid.
    const goneOn = Promise.withResolvers<void>()
    world.model.become(async (call, asked) => {
      if (call.agent === 'beta') await goneOn.promise
      return patient(call, asked)
    })
    const worker = await world.start({ FAILPOINT: 'agent.after-model:stop@1' })
    const steps = [['alpha'], ['beta']]
    const { id } = await world.tollkeeper.service.submit({ organizationId: ORGANIZATION, text: 'zombie text', steps })
    await worker.fired
    const other = await world.start()
    await eventually(
      async () => world.model.callsFor('zombie', 'beta').length,
      (calls) => calls === 1,
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
    goneOn.resolve()
    await drained(world)
    await other.kill()
    await world.submit('after', ['alpha'])
    await expectAtRest(world, { charged: 2 })
    expect(world.model.calls).toHaveLength(4)
  },
}

const failingZombie: ChaosCase = {
  name: 'a zombie wakes up to fail a stage that is no longer its own',
  async run(backend) {
    await using world = await openChaos(backend)
    const zombieFailed = Promise.withResolvers<void>()
    world.model.become(async (call, asked) => {
      if (asked < 3) return { status: 503, text: 'busy' }
      // The new owner is in the middle of its work when the old one gives up after its last attempt.
      if (asked > 3) await zombieFailed.promise
      return patient(call, asked)
    })
    const points = 'agent.after-model:stop@1,agent.after-model:throw@1'
    const worker = await world.start({ FAILPOINT: points })
    await world.submit('contested', ['alpha'])
    await worker.fired
    await world.start()
    await world.model.asked(4)
    worker.goOn()
    await eventually(
      async () => worker.log(),
      (log) => log.includes('"attempt":3'),
    )
    await sleep(1_000)
    expect(await states(world)).toEqual({ processing: 1 })
    zombieFailed.resolve()
    await expectAtRest(world, { charged: 1 })
    expect(world.model.calls).toHaveLength(4)
  },
}

/** The batches of a chain whose model fails twice, up to the third attempt's settle; each of its five tries is lost. */
const LAST_SETTLE = [8, 9, 10, 11, 12]

const lastSettleLost: ChaosCase = {
  name: 'the database does not take what the last attempt made',
  async run(backend) {
    await using world = await openChaos(backend)
    world.model.become((call, asked) => (asked < 3 ? { status: 503, text: 'busy' } : patient(call, asked)))
    const points = LAST_SETTLE.map((pass) => `money.in-transaction:throw@${pass}`)
    const worker = await world.start({ FAILPOINT: points.join(',') })
    await world.submit('unlucky', ['alpha'])
    await worker.fired
    // A fault of ours is no reason to fail the customer's job.
    await expectAtRest(world, { charged: 1 })
    expect(worker.log()).toContain('The database does not answer')
  },
}

const stoppedInside: ChaosCase = {
  name: 'a process is stopped inside the money transaction and goes on much later',
  async run(backend, draws, tell) {
    const pass = draws.between(1, BATCHES)
    tell(`pass ${pass}`)
    await using world = await openChaos(backend)
    const worker = await world.start({ FAILPOINT: `money.in-transaction:stop@${pass}` })
    await oneChainAndOneFlow(world)
    await worker.fired
    await world.start()
    // The locks that it holds must not outlive its silence.
    await expectAtRest(world, { charged: 2 })
    const before = await world.database.query('select * from tollkeeper.ledger_entries order by seq')
    worker.goOn()
    await sleep(1_000)
    await expectAtRest(world, { charged: 2 })
    expect(await world.database.query('select * from tollkeeper.ledger_entries order by seq')).toEqual(before)
    expect(worker.running()).toBe(true)
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
  lastSettleLost,
  stoppedInside,
]
