import { expect } from 'vitest'
import { expectBooksToBalance } from '../support/books.ts'
import { eventually } from '../support/tollkeeper.ts'
import type { ChaosWorld } from './chaos-world.ts'

/** Locks of 5 s, claims of 6 s and several starts fit into this, on a machine that has other work, too. */
const PATIENCE_MS = 60_000
const PIPELINE = ['pipeline.input', 'pipeline.agent', 'pipeline.output']

/** How many jobs are in which state. */
export async function states({ database }: Pick<ChaosWorld, 'database'>): Promise<Readonly<Record<string, number>>> {
  const rows = await database.query<{ state: string; count: number }>(
    'select state, count(*)::int as count from tollkeeper.jobs group by state',
  )
  return Object.fromEntries(rows.map(({ state, count }) => [state, count]))
}

/** Waits until every job is at rest: final, or parked. A server that is just coming back may refuse some looks. */
export async function drained(world: ChaosWorld, patienceMs = PATIENCE_MS): Promise<void> {
  const look = () => states(world).catch(() => ({ unknown: 1 }) as Record<string, number>)
  const moving = (seen: Readonly<Record<string, number>>) =>
    (seen.queued ?? 0) + (seen.processing ?? 0) + (seen.unknown ?? 0)
  await eventually(look, (seen) => moving(seen) === 0, patienceMs).catch(async (error: Error) => {
    const stages = await world.database.query(STUCK).catch(() => [])
    const logs = world.processes.map(({ pid, log }) => `process ${pid}:\n${log().slice(-3_000)}`).join('\n')
    throw new Error(`${error.message}\n${JSON.stringify(stages)}\n${logs}`)
  })
}

const STUCK = `
select j.id, j.state, s.stage, s.state as stage_state, s.starts, s.delivery, s.check_at - now() as check_in,
  s.claimed_until - now() as claimed_for
from tollkeeper.jobs j join tollkeeper.job_stages s on s.job_id = j.id
where j.state in ('queued', 'processing') order by j.id, s.position limit 12`

const TWICE = `
select job_id, stage, component, token_class, count(*) from tollkeeper.ledger_entries where kind = 'charge'
group by 1, 2, 3, 4 having count(*) > 1`
const STARTS = `
select split_part(t.text, ' ', 1) as label, substr(s.stage, 7) as agent, s.starts
from tollkeeper.job_stages s join tollkeeper.job_texts t using (job_id) where s.stage like 'agent.%'`

export interface RestOptions {
  /** How many calls of one agent for one job may be open at once: more than one only where a zombie wakes up. */
  readonly callsAtOnce?: number
  readonly patienceMs?: number
}

/**
 * Waits until all is at rest and asserts what must hold whatever happened: the product's own verification without a
 * finding or a warning, the books by other SQL, one charge per line, a card for each parked job and for no other, queues
 * with nothing to do, and every call of the model on record as a start, one at a time.
 * @param expected how many jobs are in which state in the end
 */
export async function expectAtRest(
  world: ChaosWorld,
  expected: Readonly<Record<string, number>>,
  { callsAtOnce = 1, patienceMs = PATIENCE_MS }: RestOptions = {},
): Promise<void> {
  await drained(world, patienceMs)
  expect(await states(world)).toEqual(expected)
  const { database, tollkeeper, model } = world
  const parked = await database.query<{ card: string }>(
    `select id || ' ' || generation as card from tollkeeper.jobs where state = 'rejected_for_balance' order by 1`,
  )
  const wanted = parked.map(({ card }) => card).sort()
  await eventually(
    () => cardsOf(world),
    (cards) => cards.join() === wanted.join(),
    patienceMs,
  )
  await eventually(
    () => unfinishedQueueJobs(world),
    (count) => count === 0,
    patienceMs,
  )
  const report = await eventually(
    () => tollkeeper.verifier.verify(),
    ({ ok, warnings }) => !ok || warnings.length === 0,
  )
  expect(report).toMatchObject({ ok: true, violations: [], warnings: [] })
  await expectBooksToBalance(database)
  expect(await database.query(TWICE), 'one charge per job, stage, component and class').toEqual([])
  const starts = await database.query<{ label: string; agent: string; starts: number }>(STARTS)
  for (const { label, agent, starts: known } of starts) {
    expect(model.callsFor(label, agent).length, `calls of ${agent} for ${label}`).toBeLessThanOrEqual(known)
  }
  expect(model.calls.filter(({ atOnce }) => atOnce > callsAtOnce)).toEqual([])
}

async function cardsOf({ tollkeeper }: ChaosWorld): Promise<readonly string[]> {
  const found: string[] = []
  for await (const page of tollkeeper.queues.listCards()) {
    found.push(...page.map(({ jobId, generation }) => `${jobId} ${generation}`))
  }
  return found.sort()
}

async function unfinishedQueueJobs({ tollkeeper }: ChaosWorld): Promise<number> {
  const queues = tollkeeper.queues.boardQueues().filter(({ name }) => PIPELINE.includes(name))
  const counts = await Promise.all(queues.map((queue) => queue.getJobCountByTypes('waiting', 'active', 'delayed')))
  return counts.reduce((sum, count) => sum + count, 0)
}

/** How often a stage was started, and how much of its work nobody paid for. */
export async function stageOf(
  { database }: ChaosWorld,
  jobId: string,
  stage: string,
): Promise<{ readonly starts: number; readonly absorbed: number }> {
  const [row] = await database.query<{ starts: number; absorbed: number }>(
    'select starts, absorbed from tollkeeper.job_stages where job_id = $1 and stage = $2',
    [jobId, stage],
  )
  expect(row, `job ${jobId} has a stage ${stage}`).toBeDefined()
  return row as { starts: number; absorbed: number }
}
