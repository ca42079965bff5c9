import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { loadAgentsModule } from '../../src/agents/agent-registry.ts'
import type { Tollkeeper } from '../../src/composition.ts'
import { expectBooksToBalance } from '../support/books.ts'
import {
  BACKENDS_HERE,
  component,
  eventually,
  fundedOrganization,
  openWorld,
  type World,
} from '../support/tollkeeper.ts'
import { startWorkerProcess, type WorkerProcess } from './worker-process.ts'

const FAST_CLOCK = fileURLToPath(new URL('../fixtures/processes/fast-clock.ts', import.meta.url))
const fixture = (name: string) => `test/fixtures/agents/${name}.ts`
/** What a worker says when BullMQ gave it a job whose lock had run out. */
const STALLED = /queue job of a lost worker/
const JOBS = 12

describe.each(BACKENDS_HERE)('worker processes, with the queue on %s', (backend) => {
  let world: World
  const processes: WorkerProcess[] = []
  afterEach(async () => {
    await Promise.all(processes.splice(0).map((each) => each.kill()))
    await world.close()
  })

  async function open(agents: string, key: string, env: Readonly<Record<string, string>> = {}): Promise<Tollkeeper> {
    world = await openWorld(backend, { AGENTS_MODULE: fixture(agents), WORKER_CONCURRENCY: '4', ...env })
    await loadAgentsModule(fixture(agents))
    const tollkeeper = await world.open()
    await fundedOrganization(tollkeeper, 'acme', '100.00', [component('fee', { kind: 'agent', agent: key }, '1.00')])
    return tollkeeper
  }
  const start = async () => {
    const worker = await startWorkerProcess(world.env)
    processes.push(worker)
    return worker
  }
  const submit = async ({ service }: Tollkeeper, agent: string) =>
    (await service.submit({ organizationId: 'acme', text: 'text', agents: [agent] })).id
  const states = async () => {
    const rows = await world.database.query<{ state: string }>('select state from tollkeeper.jobs')
    return rows.map(({ state }) => state)
  }
  const claimed = () =>
    world.database.query(
      `select stage from tollkeeper.job_stages where claimed_until > now() and stage = 'agent.patient'`,
    )

  it.each([
    { what: 'finishes what runs within its grace', graceMs: 10_000, startsMax: 1 },
    { what: 'gives back what outlasts its grace', graceMs: 300, startsMax: 2 },
  ])(
    'SIGTERM during load $what, exits with 0 and leaves no stalled queue job',
    async ({ graceMs, startsMax }) => {
      const tollkeeper = await open('patient-agent', 'patient', { SHUTDOWN_GRACE_MS: String(graceMs) })
      const first = await start()
      await Promise.all(Array.from({ length: JOBS }, () => submit(tollkeeper, 'patient')))
      await eventually(claimed, (rows) => rows.length > 0)
      const { code, tookMs } = await first.stop()
      expect(code, first.log()).toBe(0)
      expect(tookMs).toBeLessThan(graceMs + 5_000)
      expect(await states(), 'the load was not over').toContain('processing')
      for (const queue of tollkeeper.queues.boardQueues()) {
        expect(await queue.getActiveCount(), `nothing of ${queue.name} waits for a dead process's lock`).toBe(0)
      }
      expect(await claimed(), 'nobody has to wait for the end of a dead claim').toEqual([])

      const second = await start()
      await eventually(states, (seen) => seen.every((state) => state === 'charged'), 40_000)
      expect(first.log() + second.log()).not.toMatch(STALLED)
      const starts = await world.database.query<{ starts: number }>(
        `select max(starts) as starts from tollkeeper.job_stages`,
      )
      expect(starts[0]?.starts).toBeLessThanOrEqual(startsMax)
      const balance = await tollkeeper.balances.balance(tollkeeper.em(), 'acme')
      expect(balance).toMatchObject({ available: BigInt(100 - JOBS) * 1_000_000_000n, held: 0n })
      await expectBooksToBalance(world.database)
    },
    90_000,
  )

  it('a process whose event loop lags for a second, again and again, loses no queue job to an idle one', async () => {
    const tollkeeper = await open('lagging-agent', 'lagging', { WORKER_CONCURRENCY: '1' })
    const [one, other] = [await start(), await start()]
    const id = await submit(tollkeeper, 'lagging')
    const job = await eventually(
      () => tollkeeper.service.find(id),
      ({ state }) => state === 'charged' || state === 'failed',
      40_000,
    )
    expect(job).toMatchObject({ state: 'charged', charged: 1_000_000_000n })
    const starts = await world.database.query<{ starts: number }>('select starts from tollkeeper.job_stages')
    expect(starts.map((row) => row.starts)).toEqual([1, 1, 1])
    expect(one.log() + other.log()).not.toMatch(STALLED)
  }, 60_000)

  it('a process whose clock is an hour ahead refuses to start and says why', async () => {
    await open('patient-agent', 'patient')
    const env = { PATH: process.env.PATH, ...world.env }
    const refused = promisify(execFile)(process.execPath, [FAST_CLOCK], { env })
    await expect(refused).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringMatching(
        /^ConfigurationError: The clock of this machine and the database's differ by 3[56]\d\d\.\d s/,
      ),
    })
  })
})
