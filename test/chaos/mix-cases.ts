import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { FAILPOINTS } from '../../src/foundation/failpoint.ts'
import { drained, expectAtRest, states } from './at-rest.ts'
import type { ChaosCase } from './chaos-case.ts'
import type { ChaosProcess } from './chaos-process.ts'
import { type ChaosWorld, openChaos } from './chaos-world.ts'
import { forgetQueues, topUp } from './kill-cases.ts'
import type { Draws } from './seed.ts'

const MIX_MS = 25_000
const WORKERS = 3
const HEAL_MS = 120_000

type Fault = (world: ChaosWorld, draws: Draws) => Promise<unknown>

/** A new one may carry a bomb of its own. */
const replaced: Fault = async (world, draws) => {
  const victim = draws.pick(alive(world))
  const bomb = `${draws.pick(FAILPOINTS)}:kill@${draws.between(2, 30)}`
  const env: Record<string, string> = draws.between(0, 1) ? { FAILPOINT: bomb } : {}
  await victim?.kill()
  await world.startBehindProxy(env)
}

/** Some pauses are shorter than a lock, some longer than a claim. */
const paused: Fault = async (world, draws) => {
  const victim = draws.pick(alive(world))
  victim?.stop()
  setTimeout(() => victim?.goOn(), draws.between(500, 9_000))
}

const cut: Fault = async ({ databaseProxy }) => databaseProxy.cut()

const terminated: Fault = ({ database }, draws) =>
  database.cutConnections(draws.pick(['tollkeeper money', 'tollkeeper queue', 'tollkeeper notices']))

const forgotten: Fault = (world) => forgetQueues(world)

const redisRestarted: Fault = async ({ redis }, draws) => {
  await redis?.down()
  await sleep(draws.between(50, 1_500))
  await redis?.up()
}

const paid: Fault = (world, draws) => topUp(world, `${draws.between(1, 4)}.00`, `mix ${draws.between(1, 1_000_000)}`)

const mixes = [1, 2].map((number): ChaosCase => {
  return {
    name: `random mix ${number}`,
    async run(backend, draws, tell) {
      await using world = await openChaos(backend, { money: '20.00', forgetful: draws.between(0, 1) === 1 })
      await Promise.all(Array.from({ length: WORKERS }, () => world.startBehindProxy()))
      const faults = [replaced, replaced, paused, cut, terminated, forgotten, paid, paid]
      if (backend === 'redis') faults.push(redisRestarted)
      const until = Date.now() + MIX_MS
      let submitted = 0
      for (let round = 0; Date.now() < until; round += 1) {
        const agents = draws.pick([['alpha'], ['beta'], ['alpha', 'beta']])
        const count = draws.between(2, 8)
        const ids = await world.submit(`round-${round}`, agents, count)
        submitted += ids.length
        if (draws.between(0, 4) === 0) await world.tollkeeper.service.cancel(ids[0] ?? '').catch(() => undefined)
        await draws.pick(faults)(world, draws)
        while (alive(world).length < 2) await world.startBehindProxy()
        await sleep(draws.between(100, 1_200))
      }
      await heal(world)
      await drained(world, HEAL_MS)
      const ended = await states(world)
      tell(JSON.stringify(ended))
      expect(Object.values(ended).reduce((sum, count) => sum + count, 0)).toBe(submitted)
      expect(ended.charged ?? 0).toBeGreaterThan(0)
      // A stage that lost five workers fails its job, and the customer pays nothing: verified like everything else.
      await expectAtRest(world, ended, { callsAtOnce: 2 })
    },
  }
})

async function heal(world: ChaosWorld): Promise<void> {
  for (const each of world.processes) if (each.running()) each.goOn()
  await Promise.all(world.processes.map((each) => each.kill()))
  await world.start()
}

function alive({ processes }: ChaosWorld): readonly ChaosProcess[] {
  return processes.filter((each) => each.running())
}

export const MIX_CASES: readonly ChaosCase[] = mixes
