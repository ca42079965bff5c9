import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { invariant } from '../../src/foundation/invariant.ts'
import type { BenchDatabase } from '../server.ts'
import { component, openOrganizations, openWorld, type World } from '../world.ts'
import { RECOVERY_AGENT, WORK_MS } from './recovery-terms.ts'

const WORKER = new URL('./recovery-worker.ts', import.meta.url)
const ORGANIZATION = 'recovering'
const JOBS_PER_KILL = 8
const LOOK_MS = 20
const PATIENCE_MS = 60_000

const COMPONENTS = [
  component('input', { kind: 'input_tokens' }, '0.15'),
  component('fee', { kind: 'agent', agent: RECOVERY_AGENT, per: 1 }, '0.001'),
  component('output', { kind: 'output_tokens' }, '1.00'),
]

/** The agent of this process is never run here; it only lets jobs name it. */
const PLACEHOLDER = { key: RECOVERY_AGENT, bounds: () => null, run: async (text: string) => ({ text }) }

export interface Recoveries {
  /** Of each job that was in the killed worker's hands: seconds from SIGKILL to charged, without the agent's own time. */
  readonly seconds: readonly number[]
  readonly world: World
}

/**
 * Kills workers that are in the middle of a stage, again and again, while another one lives.
 * @param redisUrl null: the queue is on PostgreSQL
 */
export async function measureRecovery(
  database: BenchDatabase,
  redisUrl: string | null,
  kills: number,
): Promise<Recoveries> {
  const env: Record<string, string> = redisUrl === null ? {} : { REDIS_URL: redisUrl }
  const world = await openWorld(database, env, [PLACEHOLDER])
  await openOrganizations(world, [ORGANIZATION], COMPONENTS)
  const settings = { ...env, DATABASE_URL: database.appUrl, DATABASE_OWNER_URL: database.ownerUrl }
  const seconds: number[] = []
  let victim = await startWorker(settings)
  const workers = new Set([victim])
  try {
    for (let kill = 0; kill < kills; kill += 1) {
      const jobs = await submitted(world)
      await lookUntil(world, jobs, RUNNING, jobs.length)
      // Each victim's successor is awake before the kill: what is measured is noticing, not starting a process.
      const successor = await startWorkerIn(workers, settings)
      const killed = performance.now()
      await end(victim)
      workers.delete(victim)
      for (let charged = 1; charged <= jobs.length; charged += 1) {
        await lookUntil(world, jobs, CHARGED, charged)
        seconds.push((performance.now() - killed - WORK_MS) / 1_000)
      }
      victim = successor
    }
  } finally {
    await Promise.all([...workers].map(end))
  }
  return { seconds, world }
}

async function submitted({ tollkeeper }: World): Promise<readonly string[]> {
  const submit = () => {
    return tollkeeper.service.submit({ organizationId: ORGANIZATION, text: 'some text', agents: [RECOVERY_AGENT] })
  }
  const jobs = await Promise.all(Array.from({ length: JOBS_PER_KILL }, submit))
  return jobs.map(({ id }) => id)
}

const RUNNING = `select count(*)::int as found from tollkeeper.job_stages
  where job_id = any ($1) and stage = 'agent.${RECOVERY_AGENT}' and state = 'running'`
const CHARGED = `select count(*)::int as found from tollkeeper.jobs where id = any ($1) and state = 'charged'`

async function lookUntil({ pool }: World, jobs: readonly string[], sql: string, wanted: number): Promise<void> {
  for (const deadline = Date.now() + PATIENCE_MS; ; await sleep(LOOK_MS)) {
    const { rows } = await pool.query<{ found: number }>(sql, [jobs])
    const found = rows[0]?.found ?? 0
    if (found >= wanted) return
    invariant(Date.now() < deadline, `${found} of ${wanted} jobs came that far within ${PATIENCE_MS / 1_000} s`)
  }
}

async function startWorkerIn(workers: Set<ChildProcess>, env: Readonly<Record<string, string>>): Promise<ChildProcess> {
  const worker = await startWorker(env)
  workers.add(worker)
  return worker
}

async function startWorker(env: Readonly<Record<string, string>>): Promise<ChildProcess> {
  const worker = fork(WORKER, { env: { ...env, LOG_LEVEL: 'error' }, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  await once(worker, 'message')
  return worker
}

async function end(worker: ChildProcess): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return
  const ended = once(worker, 'exit')
  worker.kill('SIGKILL')
  await ended
}
