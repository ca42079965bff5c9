import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { loadAgentsModule } from '../../src/agents/agent-registry.ts'
import { expectBooksToBalance } from '../support/books.ts'
import {
  BACKENDS_HERE,
  component,
  eventually,
  fundedOrganization,
  openWorld,
  type World,
} from '../support/tollkeeper.ts'

const AGENTS = 'test/fixtures/agents/patient-agent.ts'
const WORKER = new URL('../fixtures/processes/worker.ts', import.meta.url)
const PRICES = [
  component('input', { kind: 'input_tokens' }, '1.00'),
  component('fee', { kind: 'agent', agent: 'patient' }, '0.50'),
  component('other-fee', { kind: 'agent', agent: 'second' }, '0.25'),
  component('output', { kind: 'output_tokens' }, '2.00'),
]

async function startWorker(env: Readonly<Record<string, string>>): Promise<ChildProcess> {
  const worker = fork(WORKER, {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  await once(worker, 'message')
  return worker
}

async function kill(worker: ChildProcess): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return
  const ended = once(worker, 'exit')
  worker.kill('SIGKILL')
  await ended
}

describe.each(BACKENDS_HERE)('a worker process killed in mid-job, with the queue on %s', (backend) => {
  let world: World
  const workers: ChildProcess[] = []
  afterEach(async () => {
    await Promise.all(workers.splice(0).map(kill))
    await world.close()
  })

  it.each([
    { shape: 'a chain', agents: ['patient'], fees: 500_000_000n },
    { shape: 'a flow', agents: ['patient', 'second'], fees: 750_000_000n },
  ])(
    'another one finishes $shape with one charge per line',
    async ({ agents, fees }) => {
      world = await openWorld(backend, { AGENTS_MODULE: AGENTS, HOLD_LEASE_MS: '300000' })
      const tollkeeper = await world.open()
      expect((await loadAgentsModule(AGENTS)).map((agent) => agent.key)).toEqual(['patient', 'second'])
      await fundedOrganization(tollkeeper, 'acme', '10.00', PRICES)

      const first = await startWorker(world.env)
      workers.push(first)
      const { id } = await tollkeeper.service.submit({ organizationId: 'acme', text: 'some text', agents })
      const find = () => tollkeeper.service.find(id)
      await eventually(find, ({ stages }) => {
        return stages.some(({ stage, state }) => stage === 'agent.patient' && state === 'running')
      })
      await kill(first)
      const interrupted = await find()
      expect(interrupted).toMatchObject({ state: 'processing', result: null })

      workers.push(await startWorker(world.env))
      const job = await eventually(find, ({ state }) => state === 'charged', 25_000)
      expect(job.stages.map(({ state }) => state)).toEqual(job.stages.map(() => 'charged'))
      const text =
        agents.length === 1 ? 'some text, worked on' : '## patient\n\nsome text, worked on\n\n## second\n\nsome text'
      expect(job.result).toEqual({ text })

      const starts = await world.database.query<{ starts: number }>(
        `select starts from tollkeeper.job_stages where stage = 'agent.patient'`,
      )
      expect(starts).toEqual([{ starts: 2 }])
      const charges = await world.database.query<{ key: string; amount: string }>(
        `select business_key as key, amount::text from tollkeeper.ledger_entries where kind = 'charge' order by seq`,
      )
      expect(new Set(charges.map(({ key }) => key)).size).toBe(charges.length)
      expect(charges).toHaveLength(2 + agents.length)
      const output = job.stages.at(-1)?.charged ?? 0n
      const input = job.stages[0]?.charged ?? 0n
      expect(job.charged).toBe(input + fees + output)
      await expectBooksToBalance(world.database)
    },
    60_000,
  )
})
