import { expect } from 'vitest'
import type { FailpointName } from '../../src/foundation/failpoint.ts'
import { parseAmount } from '../../src/pricing/money.ts'
import { manyOrganizations, publishAndOrder, publishedPlan, recordMoves } from '../managers/plan-world.ts'
import { eventually } from '../support/tollkeeper.ts'
import { expectAtRest, states } from './at-rest.ts'
import type { ChaosCase } from './chaos-case.ts'
import { type ChaosWorld, FLAT_PRICE, ORGANIZATION, openChaos } from './chaos-world.ts'

/** How often a chain and a flow of two agents pass a point at least, so that a kill at any of these passes comes. */
const PASSES = {
  'enqueue.before': 2,
  'claim.before': 3,
  'claim.after': 3,
  'agent.before-model': 2,
  'agent.after-model': 2,
  'money.before-begin': 5,
  'money.in-transaction': 5,
  'money.after-commit': 5,
  'settle.after': 3,
  'enqueue.after': 3,
} as const satisfies Partial<Record<FailpointName, number>>

/** A worker is killed at a point of its way, another one finishes what it began, and the customer pays once. */
const whileCharging = Object.entries(PASSES).map(([point, passes]): ChaosCase => {
  return {
    name: `SIGKILL at ${point}`,
    async run(backend, draws, tell) {
      const pass = draws.between(1, passes)
      tell(`pass ${pass}`)
      await using world = await openChaos(backend)
      const victim = await world.start({ FAILPOINT: `${point}:kill@${pass}` })
      await world.submit('chain', ['alpha'])
      await world.submit('flow', ['alpha', 'beta'])
      await victim.killedItself()
      await world.start()
      await expectAtRest(world, { charged: 2 })
      for (const label of ['chain', 'flow']) expect(world.model.callsFor(label, 'alpha').length).toBeLessThanOrEqual(2)
    },
  }
})

/** A submitter is killed behind the stored row: nobody has the answer, and yet the job is charged once. */
const whileSubmitting = (['submit.after-row', 'outbox.before'] as const).map((point): ChaosCase => {
  return {
    name: `SIGKILL of the API at ${point}`,
    async run(backend) {
      await using world = await openChaos(backend)
      const api = await world.start({ ROLE: 'api', FAILPOINT: `${point}:kill@1` })
      const job = { organization_id: ORGANIZATION, text: 'orphan of a submit', agents: ['alpha'] }
      await api.send('POST', '/jobs', job).then(
        (response) => expect(response.status).toBe(202),
        () => undefined,
      )
      await api.killedItself()
      await world.start()
      await expectAtRest(world, { charged: 1 })
      expect(world.model.callsFor('orphan')).toHaveLength(1)
    },
  }
})

const whileParking: ChaosCase = {
  name: 'SIGKILL at park.after',
  async run(backend) {
    await using world = await openChaos(backend, { money: '0', prices: FLAT_PRICE })
    const victim = await world.start({ FAILPOINT: 'park.after:kill@1' })
    await world.submit('parked', ['alpha'])
    await victim.killedItself()
    await world.start()
    await expectAtRest(world, { rejected_for_balance: 1 })
    await topUp(world, '1.00')
    await expectAtRest(world, { charged: 1 })
    expect(world.model.calls).toHaveLength(1)
  },
}

const whileWaking: ChaosCase = {
  name: 'SIGKILL at wake.after-commit',
  async run(backend) {
    await using world = await openChaos(backend, { money: '0', prices: FLAT_PRICE })
    const healthy = await world.start()
    await world.submit('woken', ['alpha'], 3)
    await eventually(
      () => states(world),
      (seen) => seen.rejected_for_balance === 3,
    )
    await healthy.kill()
    const victim = await world.start({ FAILPOINT: 'wake.after-commit:kill@1' })
    // Behind the back of every wake: the sweep finds that two of the three fit now.
    await world.database.query('update tollkeeper.organization_balances set overdraft_limit = 2000000000')
    await victim.killedItself()
    await world.start()
    await expectAtRest(world, { charged: 2, rejected_for_balance: 1 })
    expect(world.model.calls).toHaveLength(2)
  },
}

const whileSweeping: ChaosCase = {
  name: 'SIGKILL at sweep.deliver',
  async run(backend) {
    await using world = await openChaos(backend)
    await forgottenJobs(world)
    const victim = await world.start({ FAILPOINT: 'sweep.deliver:kill@1' })
    await victim.killedItself()
    await world.start()
    await expectAtRest(world, { charged: 3 })
    expect(world.model.calls).toHaveLength(6)
  },
}

const stoppedSweep: ChaosCase = {
  name: 'the process that sweeps is stopped in the middle of it',
  async run(backend) {
    await using world = await openChaos(backend)
    await forgottenJobs(world)
    const stopped = await world.start({ FAILPOINT: 'sweep.deliver:stop@1' })
    await stopped.fired
    await world.start()
    await expectAtRest(world, { charged: 3 })
    stopped.goOn()
    await world.submit('later', ['alpha'])
    await expectAtRest(world, { charged: 4 })
    expect(world.model.calls).toHaveLength(7)
    expect(stopped.running()).toBe(true)
  },
}

/** The second page is written and not committed: whoever sweeps next goes on behind the first one. */
const whileMoving: ChaosCase = {
  name: 'SIGKILL at move.in-transaction',
  backends: ['postgres'],
  async run(backend) {
    await using world = await openChaos(backend)
    const planId = await publishedPlan(world.tollkeeper)
    await manyOrganizations(world, { planId, version: 1, prefix: 'moving', count: 250 })
    const movesSeen = await recordMoves(world)
    const victim = await world.start({ FAILPOINT: 'move.in-transaction:kill@2' })
    const id = await publishAndOrder(world.tollkeeper, planId, { pricePerMonth: 5n }, 'now')
    await victim.killedItself()
    const move = () => world.tollkeeper.planMoves.find(world.tollkeeper.em(), planId, id)
    expect(await move()).toMatchObject({ state: 'running', moved: 100 })
    await world.start()
    const done = await eventually(move, ({ state }) => state === 'done')
    expect(done).toMatchObject({ total: 250, moved: 250, skipped: 0 })
    const seen = await movesSeen()
    expect([seen.length, new Set(seen).size]).toEqual([250, 250])
    await expectAtRest(world, {})
  },
}

export const KILL_CASES: readonly ChaosCase[] = [
  ...whileCharging,
  ...whileSubmitting,
  whileParking,
  whileWaking,
  whileSweeping,
  stoppedSweep,
  whileMoving,
]

export async function topUp({ tollkeeper }: ChaosWorld, amount: string, reference = `paid ${amount}`): Promise<void> {
  await tollkeeper.balances.topUp(ORGANIZATION, { amount: parseAmount(amount), reference, note: null })
}

/** Three jobs that the queue had, and has no more. */
async function forgottenJobs(world: ChaosWorld): Promise<void> {
  await world.submit('forgotten', ['alpha', 'beta'], 3)
  const waiting = () => world.tollkeeper.queues.boardQueues()[0]?.getJobCountByTypes('waiting') ?? Promise.resolve(0)
  await eventually(waiting, (count) => count === 3)
  await forgetQueues(world)
}

/** Takes every queue job away, as an operator or an empty Redis would. */
export async function forgetQueues({ tollkeeper }: ChaosWorld): Promise<void> {
  for (const queue of tollkeeper.queues.boardQueues()) await queue.obliterate({ force: true })
}
