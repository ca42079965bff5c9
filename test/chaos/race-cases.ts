import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { eventually } from '../support/tollkeeper.ts'
import { expectAtRest, stageOf, states } from './at-rest.ts'
import type { ChaosCase } from './chaos-case.ts'
import type { ChaosProcess } from './chaos-process.ts'
import { type ChaosWorld, FLAT_PRICE, ORGANIZATION, openChaos } from './chaos-world.ts'
import { topUp } from './kill-cases.ts'

const RACERS = 1_000
const SUBMITTERS = 3
const SEATS_MAX = 5
const INSTANT: () => { status: number; text: string } = () => ({ status: 200, text: 'done' })
const job = (label: string) => ({ organization_id: ORGANIZATION, text: `${label} races`, agents: ['alpha'] })

/** Sends everything through all processes in turns, a few at a time each. @returns the answers' statuses */
async function spread(
  processes: readonly ChaosProcess[],
  path: string,
  bodies: readonly unknown[],
): Promise<readonly number[]> {
  const left = [...bodies]
  const statuses: number[] = []
  const callers = processes.flatMap((each) => Array.from({ length: 8 }, () => each))
  await Promise.all(
    callers.map(async (each) => {
      for (let body = left.shift(); body !== undefined; body = left.shift()) {
        const response = await each.send('POST', path, body)
        await response.arrayBuffer()
        statuses.push(response.status)
      }
    }),
  )
  return statuses
}

const lastCent: ChaosCase = {
  name: `${RACERS} jobs race for the last cent from ${SUBMITTERS} processes`,
  async run(backend, draws, tell) {
    const affordable = draws.between(5, 60)
    tell(`money for ${affordable}`)
    const env = { RECONCILE_INTERVAL_MS: '3000' }
    await using world = await openChaos(backend, { money: `${affordable}.75`, prices: FLAT_PRICE, env })
    world.model.become(INSTANT)
    const processes = await Promise.all(Array.from({ length: SUBMITTERS }, () => world.start()))
    const bodies = Array.from({ length: RACERS }, (_, index) => job(`racer-${index}`))
    expect(await spread(processes, '/jobs', bodies)).toEqual(bodies.map(() => 202))
    const expected = { charged: affordable, rejected_for_balance: RACERS - affordable }
    await expectAtRest(world, expected, { patienceMs: 240_000 })
    expect(world.model.calls).toHaveLength(affordable)
    expect(await balance(world)).toMatchObject({ available: 750_000_000n, held: 0n })
  },
}

const looseQuotes: ChaosCase = {
  name: 'jobs whose quotes are loose race for what is left',
  async run(backend, draws, tell) {
    const cents = draws.between(200, 1_500)
    tell(`${cents} cents`)
    await using world = await openChaos(backend, { money: (cents / 100).toFixed(2) })
    world.model.become(INSTANT)
    const processes = await Promise.all([world.start(), world.start()])
    const bodies = Array.from({ length: 60 }, (_, index) => job(`loose-${index}`))
    expect(await spread(processes, '/jobs', bodies)).toEqual(bodies.map(() => 202))
    await eventually(
      () => states(world),
      ({ queued = 0, processing = 0 }) => queued + processing === 0,
      60_000,
    )
    // What one job's release makes possible another gets: at rest nothing parked would fit, as `verify` warns if so.
    const { charged = 0, rejected_for_balance = 0 } = await states(world)
    expect(charged + rejected_for_balance).toBe(60)
    expect(charged).toBeGreaterThan(0)
    await expectAtRest(world, await states(world))
  },
}

const toppedUp: ChaosCase = {
  name: 'top-ups race rejections',
  async run(backend, draws) {
    await using world = await openChaos(backend, { money: '0', prices: FLAT_PRICE })
    world.model.become(INSTANT)
    await Promise.all([world.start(), world.start()])
    const rounds = Array.from({ length: 30 }, (_, round) => ({ round, payMs: draws.between(0, 250) }))
    await Promise.all(
      rounds.map(async ({ round, payMs }) => {
        await sleep(round * 60)
        const submitted = world.submit(`round-${round}`, ['alpha'])
        await sleep(payMs)
        await topUp(world, '1.00', `round ${round}`)
        await submitted
      }),
    )
    await expectAtRest(world, { charged: rounds.length })
    expect(world.model.calls).toHaveLength(rounds.length)
    expect(await balance(world)).toMatchObject({ available: 0n, held: 0n })
  },
}

const membersAtTheLimit: ChaosCase = {
  name: '200 members are added at the limit at once',
  async run(backend) {
    const terms = { memberPrice: '10.00', maxTeamMembers: SEATS_MAX }
    await using world = await openChaos(backend, { terms })
    const processes = await Promise.all([world.start({ ROLE: 'api' }), world.start({ ROLE: 'api' })])
    const bodies = Array.from({ length: 200 }, (_, index) => ({ user_id: `user-${index % 100}` }))
    const statuses = await spread(processes, `/admin/organizations/${ORGANIZATION}/members`, bodies)
    expect(new Set(statuses).isSubsetOf(new Set([200, 201, 409]))).toBe(true)
    expect(statuses.filter((status) => status === 201)).toHaveLength(SEATS_MAX)
    const fees = await world.database.query(`select 1 from tollkeeper.ledger_entries where kind = 'seat_fee'`)
    expect(fees).toHaveLength(SEATS_MAX)
    expect(await balance(world)).toMatchObject({ seatsUsed: SEATS_MAX, seatsPaid: SEATS_MAX })
    await expectAtRest(world, {})
  },
}

const published: ChaosCase = {
  name: 'a tariff is published and assigned while jobs run',
  async run(backend) {
    await using world = await openChaos(backend, { prices: FLAT_PRICE })
    const [api] = (await Promise.all([world.start(), world.start()])) as [ChaosProcess, ChaosProcess]
    await world.submit('before', ['alpha'], 20)
    await world.model.asked(3)
    const { tariffId } = await world.tollkeeper.organizations.find(world.tollkeeper.em(), ORGANIZATION)
    const steps = [
      await api.send('PATCH', `/admin/tariffs/${tariffId}/components/alpha`, { price: '3.00' }),
      await api.send('POST', `/admin/tariffs/${tariffId}/publish`),
      await api.send('PATCH', `/admin/organizations/${ORGANIZATION}`, { tariff_id: tariffId, tariff_version: 2 }),
    ]
    expect(steps.map(({ status }) => status)).toEqual([200, 200, 200])
    await world.submit('after', ['alpha'], 20)
    await expectAtRest(world, { charged: 40 })
    const prices = await world.database.query<{ version: number; charged: string }>(
      `select distinct v.version, j.charged::text from tollkeeper.jobs j
       join tollkeeper.tariff_versions v on v.id = j.tariff_version_id order by 1`,
    )
    expect(prices).toEqual([
      { version: 1, charged: '1000000000' },
      { version: 2, charged: '3000000000' },
    ])
  },
}

const terminated: ChaosCase = {
  name: 'SIGTERM under load',
  async run(backend, draws, tell) {
    const graceMs = draws.pick([300, 5_000])
    tell(`grace ${graceMs} ms`)
    await using world = await openChaos(backend)
    world.model.become(async () => {
      await sleep(1_000)
      return INSTANT()
    })
    const leaving = await world.start({ SHUTDOWN_GRACE_MS: String(graceMs) })
    await world.submit('leaving', ['alpha', 'beta'], 8)
    await world.model.asked(6)
    const staying = await world.start()
    expect(await leaving.terminate()).toEqual({ code: 0, signal: null })
    await expectAtRest(world, { charged: 8 }, { callsAtOnce: 2 })
    expect(staying.log()).not.toContain('queue job of a lost worker runs again')
  },
}

const cancelled: ChaosCase = {
  name: 'cancels race settles',
  async run(backend, draws) {
    await using world = await openChaos(backend)
    const [api] = (await Promise.all([world.start(), world.start()])) as [ChaosProcess, ChaosProcess]
    const ids = await world.submit('undecided', ['alpha', 'beta'], 30)
    const answers = await Promise.all(
      ids.map(async (id) => {
        await sleep(draws.between(0, 2_500))
        const { status } = await api.send('DELETE', `/jobs/${id}`)
        return status
      }),
    )
    const won = answers.filter((status) => status === 200).length
    expect(answers.filter((status) => status === 409)).toHaveLength(ids.length - won)
    const expected = { cancelled: won, charged: ids.length - won }
    await expectAtRest(world, Object.fromEntries(Object.entries(expected).filter(([, count]) => count > 0)))
  },
}

const lateAnswer: ChaosCase = {
  name: 'an old answer arrives for a cancelled job',
  async run(backend) {
    await using world = await openChaos(backend)
    const answered = Promise.withResolvers<void>()
    world.model.become(async () => {
      await answered.promise
      return INSTANT()
    })
    const [api] = [await world.start()]
    const [id = ''] = await world.submit('late', ['deaf'])
    await world.model.asked(1)
    expect((await api.send('DELETE', `/jobs/${id}`)).status).toBe(200)
    const before = await world.database.query('select * from tollkeeper.ledger_entries order by seq')
    answered.resolve()
    await expectAtRest(world, { cancelled: 1 })
    expect(await world.database.query('select * from tollkeeper.ledger_entries order by seq')).toEqual(before)
    expect((await stageOf(world, id, 'agent.deaf')).starts).toBe(1)
  },
}

export const RACE_CASES: readonly ChaosCase[] = [
  lastCent,
  looseQuotes,
  toppedUp,
  membersAtTheLimit,
  published,
  terminated,
  cancelled,
  lateAnswer,
]

function balance({ tollkeeper }: ChaosWorld) {
  return tollkeeper.balances.balance(tollkeeper.em(), ORGANIZATION)
}
