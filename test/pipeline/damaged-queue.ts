import { type Processor, type Queue, UnrecoverableError } from 'bullmq'
import { expect } from 'vitest'
import type { Agent } from '../../src/agents/agent.ts'
import type { Tollkeeper } from '../../src/composition.ts'
import type { QueueBackend } from '../../src/queues/backends.ts'
import { openBackend } from '../queues/queue-servers.ts'
import { expectBooksToBalance } from '../support/books.ts'
import {
  type Backend,
  component,
  eventually,
  fundedOrganization,
  openWorld,
  type World,
} from '../support/tollkeeper.ts'

/** A world whose queue a test damages by hand, with agents that count how often they were called. */
export interface DamagedQueue {
  readonly world: World
  /** Without workers: it submits and looks. */
  readonly looker: Tollkeeper
  /** Each call of an agent since the last `submit`, by its key. */
  readonly calls: string[]
  queue(name: string): Queue
  /** Another process's worth of workers; whoever starts it closes it. */
  startCrew(): Promise<Tollkeeper>
  submit(agents: readonly string[]): Promise<string>
  /** Runs a job up to where queue jobs of that paused queue wait, and stops the workers. Its agents are all there. */
  runUpTo(paused: 'pipeline.agent' | 'pipeline.output', id: string): Promise<void>
  /** The queue job that stands for a stage now. */
  queueJob(id: string, stage: string): Promise<{ queue: string; id: string; state: string }>
  /** Lets a worker that is none of ours take a stage's queue job. */
  takeOver(id: string, stage: string, processor: Processor, ended: string): Promise<void>
  /** Takes a queue job and never comes back, so often that BullMQ fails it by itself. */
  stallForGood(id: string, stage: string): Promise<void>
  /** Makes the sweep look at every unfinished stage at its next run. */
  makeDue(): Promise<void>
  /** Starts workers, waits for the end, and asserts what must hold after any damage. */
  expectChargedOnce(id: string): Promise<void>
  end(): Promise<void>
}

const FEES = ['first', 'second'].map((agent) => component(`fee-${agent}`, { kind: 'agent', agent }, '1.00'))
const PRICES = [...FEES, component('output', { kind: 'output_tokens' }, '1000.00')]
/** A worker that neither renews its locks nor forgives a stall. */
const HASTY = { lockDuration: 200, lockRenewTime: 10_000, stalledInterval: 100, maxStalledCount: 0, drainDelay: 1 }
const stageQueue = (stage: string) => (stage.startsWith('agent.') ? 'pipeline.agent' : `pipeline.${stage}`)

/** What a foreign processor throws to fail a queue job at once. */
export const refuse: Processor = async () => {
  throw new UnrecoverableError('failed by somebody else')
}
/** A foreign processor that completes a queue job without charging anything. */
export const pretend: Processor = async () => ({ label: 'charged, says somebody else' })

export async function damagedQueue(backend: Backend): Promise<DamagedQueue> {
  const world = await openWorld(backend)
  const calls: string[] = []
  const agents = ['first', 'second'].map((key) => counted(key, calls))
  const looker = await world.open(agents)
  await fundedOrganization(looker, 'acme', '10000.00', PRICES)
  const url = world.env[backend === 'redis' ? 'REDIS_URL' : 'DATABASE_URL'] ?? ''
  const foreign = openBackend({ kind: backend, url })
  const queue = (name: string): Queue => {
    const found = looker.queues.boardQueues().find((each) => each.name === name)
    if (!found) throw new Error(`there is no queue ${name}`)
    return found
  }
  const startCrew = async () => {
    const crew = await world.open(agents)
    await crew.startWorkers()
    return crew
  }
  const queueJob = finder(world, queue)
  return {
    world,
    looker,
    calls,
    queue,
    startCrew,
    queueJob,
    async submit(keys) {
      calls.length = 0
      const { id } = await looker.service.submit({ organizationId: 'acme', text: 'some words', agents: keys })
      await eventually(
        () => queueJob(id, 'input'),
        ({ state }) => state !== 'unknown',
      )
      return id
    },
    async runUpTo(paused, id) {
      await queue(paused).pause()
      const crew = await startCrew()
      const stages = paused === 'pipeline.output' ? ['output'] : ['agent.first', 'agent.second']
      for (const stage of stages) {
        await eventually(
          () => queueJob(id, stage),
          ({ state }) => state === 'waiting' || state === 'paused',
        )
      }
      await crew.close()
      await queue(paused).resume()
    },
    ...foreignWorkers(foreign, queue, queueJob),
    async makeDue() {
      await world.database.query('update tollkeeper.job_stages set check_at = now() where check_at is not null')
    },
    async expectChargedOnce(id) {
      const crew = await startCrew()
      try {
        await expectCharged(world, looker, calls, id)
      } finally {
        await crew.close()
      }
    },
    async end() {
      await foreign.close()
      await world.close()
    },
  }
}

function finder({ database }: World, queue: DamagedQueue['queue']): DamagedQueue['queueJob'] {
  return async (id, stage) => {
    const rows = await database.query<{ delivery: number }>(
      'select delivery from tollkeeper.job_stages where job_id = $1 and stage = $2',
      [id, stage],
    )
    const queueJobId = `${id}.${stage}.${rows[0]?.delivery}`
    const name = stageQueue(stage)
    return { queue: name, id: queueJobId, state: await queue(name).getJobState(queueJobId) }
  }
}

function counted(key: string, calls: string[]): Agent {
  return {
    key,
    bounds: () => null,
    async run(text) {
      calls.push(key)
      return { text }
    },
  }
}

/** Workers that are none of ours, and what they do to a stage's queue job. */
function foreignWorkers(
  backend: QueueBackend,
  queue: DamagedQueue['queue'],
  queueJob: DamagedQueue['queueJob'],
): Pick<DamagedQueue, 'takeOver' | 'stallForGood'> {
  const becomes = (id: string, stage: string, state: string) =>
    eventually(
      () => queueJob(id, stage),
      (seen) => seen.state === state,
    )
  const withWorker = async (stage: string, processor: Processor, use: () => Promise<unknown>, force = false) => {
    const worker = backend.newWorker(stageQueue(stage), processor, HASTY)
    try {
      await use()
    } finally {
      // What it took by the way it ends too: a queue job that is dropped here would be failed by the next hasty worker.
      await worker.close(force)
    }
  }
  return {
    async takeOver(id, stage, processor, ended) {
      await withWorker(stage, processor, () => becomes(id, stage, ended))
    },
    async stallForGood(id, stage) {
      const never = new Promise<never>(() => undefined)
      const hold = async () => {
        await becomes(id, stage, 'active')
        await withWorker(stage, refuse, () => becomes(id, stage, 'failed'))
      }
      await withWorker(stage, () => never, hold, true)
      const { id: queueJobId } = await queueJob(id, stage)
      expect((await queue(stageQueue(stage)).getJob(queueJobId))?.failedReason).toMatch(/stalled/)
    },
  }
}

async function expectCharged({ database }: World, looker: Tollkeeper, calls: string[], id: string): Promise<void> {
  const job = await eventually(
    () => looker.service.find(id),
    ({ state }) => state === 'charged' || state === 'failed',
  )
  const agents = [...(job.steps[0] ?? [])]
  expect(job).toMatchObject({ state: 'charged', held: 0n, failure: null })
  expect(calls.toSorted(), 'each agent was asked once').toEqual(agents)
  const charges = await database.query<{ stage: string }>(
    `select stage from tollkeeper.ledger_entries where job_id = $1 and kind = 'charge' order by stage`,
    [id],
  )
  expect(charges.map(({ stage }) => stage)).toEqual([...agents.map((key) => `agent.${key}`), 'output'])
  await expectBooksToBalance(database)
  await expectNothingLeft(looker, id)
}

/** Of a charged job only charged queue jobs stay: nothing that waits for ever, nothing that failed and was repaired. */
async function expectNothingLeft({ queues }: Tollkeeper, id: string): Promise<void> {
  const left = async () => {
    const states = ['waiting', 'active', 'delayed', 'prioritized', 'waiting-children', 'failed'] as const
    const jobs = await Promise.all(queues.boardQueues().map((queue) => queue.getJobs([...states])))
    return jobs
      .flat()
      .filter((job) => job.data?.jobId === id)
      .map((job) => job.id)
  }
  expect(await eventually(left, (ids) => ids.length === 0)).toEqual([])
}
