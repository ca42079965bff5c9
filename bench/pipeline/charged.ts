import { setTimeout as sleep } from 'node:timers/promises'
import { invariant } from '../../src/foundation/invariant.ts'
import { percentile, secondsOf } from '../statistics.ts'
import { storeJobs, type World } from '../world.ts'
import { AGENTS, firstOf, freshText, type Shape } from './shapes.ts'

export const PAYER = 'payer'
const LOOK_MS = 10
const PATIENCE_MS = 120_000

/**
 * Jobs that are stored before the clock starts, measured from all of them being put into the queue to the last one
 * being charged.
 * @returns jobs per second
 */
export async function measureCharged(world: World, shape: Shape, count: number): Promise<number> {
  invariant(
    shape.agents.every((key) => AGENTS.some((agent) => agent.key === key)),
    'the agents repeat their text',
  )
  const jobs = await storeJobs(world, { organizations: [PAYER], agents: shape.agents, text: freshText }, count)
  const seconds = await secondsOf(async () => {
    await world.tollkeeper.outbox.push(jobs.map(firstOf))
    await untilCharged(
      world,
      jobs.map(({ jobId }) => jobId),
    )
  })
  return count / seconds
}

/**
 * Submits at an even pace, as an API would.
 * @returns p95 of the time from submit to charged, in milliseconds, by the database's clock
 */
export async function measureLatency(world: World, shape: Shape, perSecond: number, seconds: number): Promise<number> {
  const count = Math.max(20, Math.ceil(perSecond * seconds))
  const { service } = world.tollkeeper
  const start = performance.now()
  const submitted: Promise<{ id: string }>[] = []
  for (let index = 0; index < count; index += 1) {
    const wait = start + (index * 1_000) / perSecond - performance.now()
    if (wait > 1) await sleep(wait)
    submitted.push(service.submit({ organizationId: PAYER, text: freshText(), agents: shape.agents }))
  }
  const ids = (await Promise.all(submitted)).map(({ id }) => id)
  await untilCharged(world, ids)
  const { rows } = await world.pool.query<{ ms: number }>(
    `select extract(epoch from finished_at - created_at)::float * 1000 as ms from tollkeeper.jobs where id = any ($1)`,
    [ids],
  )
  return percentile(
    rows.map(({ ms }) => ms),
    0.95,
  )
}

async function untilCharged({ pool }: World, ids: readonly string[]): Promise<void> {
  const open = new Set(ids)
  for (const deadline = Date.now() + PATIENCE_MS; open.size > 0; await sleep(LOOK_MS)) {
    const { rows } = await pool.query<{ id: string; state: string }>(
      `select id, state from tollkeeper.jobs where id = any ($1) and state not in ('queued', 'processing')`,
      // A few at a time are enough to see that some are open, and cost the measured system little.
      [[...open].slice(-100)],
    )
    for (const { id, state } of rows) {
      invariant(state === 'charged', `every job is charged, not ${state}`)
      open.delete(id)
    }
    invariant(
      Date.now() < deadline,
      `${open.size} of ${ids.length} jobs are not charged after ${PATIENCE_MS / 1_000} s`,
    )
  }
}
