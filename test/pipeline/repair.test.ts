import { DelayedError } from 'bullmq'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BACKENDS_HERE, eventually } from '../support/tollkeeper.ts'
import { type DamagedQueue, damagedQueue, pretend, refuse } from './damaged-queue.ts'

const HOUR_MS = 3_600_000

type Damage = readonly [what: string, damage: (queue: DamagedQueue, id: string) => Promise<void>]

const AT_THE_INPUT: readonly Damage[] = [
  ['its queue job is unknown', async (d, id) => void (await d.queue('pipeline.input').remove(`${id}.input.1`))],
  ['its queue job was failed by somebody', (d, id) => d.takeOver(id, 'input', refuse, 'failed')],
  ['its queue job was completed without a charge', (d, id) => d.takeOver(id, 'input', pretend, 'completed')],
  ['its queue job was failed by the stall limit', (d, id) => d.stallForGood(id, 'input')],
  ['its queue was obliterated', (d) => d.queue('pipeline.input').obliterate({ force: true })],
]

const AT_THE_AGENTS: readonly Damage[] = [
  [
    'one agent failed, and the next step with it, without our code',
    async (d, id) => {
      await d.takeOver(id, 'agent.first', refuse, 'failed')
      await d.takeOver(id, 'output', pretend, 'failed')
    },
  ],
  ['one agent was failed by the stall limit', (d, id) => d.stallForGood(id, 'agent.first')],
  [
    'the failed next step was retried while its agent is still failed',
    async (d, id) => {
      await d.takeOver(id, 'agent.first', refuse, 'failed')
      await d.takeOver(id, 'output', pretend, 'failed')
      const { queue, id: parent } = await d.queueJob(id, 'output')
      await (await d.queue(queue).getJob(parent))?.retry()
    },
  ],
  [
    'the agents were removed while the next step waits for them',
    async (d, id) => {
      for (const stage of ['agent.first', 'agent.second']) {
        const { queue, id: child } = await d.queueJob(id, stage)
        expect(await d.queue(queue).remove(child)).toBe(1)
      }
    },
  ],
  [
    'the next step was removed while its agents live',
    async (d, id) => {
      const { queue, id: parent } = await d.queueJob(id, 'output')
      expect(await d.queue(queue).remove(parent, { removeChildren: false })).toBe(1)
    },
  ],
  ['the queue of the agents was obliterated', (d) => d.queue('pipeline.agent').obliterate({ force: true })],
  ['the queue of the next step was obliterated', (d) => d.queue('pipeline.output').obliterate({ force: true })],
  [
    'the agents were completed without a charge, and the next step is free to run',
    async (d, id) => {
      await d.takeOver(id, 'agent.first', pretend, 'completed')
      await d.takeOver(id, 'agent.second', pretend, 'completed')
    },
  ],
  [
    'all queues were obliterated',
    async (d) => {
      for (const queue of d.looker.queues.boardQueues()) await queue.obliterate({ force: true })
    },
  ],
]

const ON_REDIS: readonly Damage[] = [
  [
    'a FLUSHALL',
    async (d) => {
      const redis = new Redis(d.world.env.REDIS_URL ?? '')
      await redis.flushall()
      redis.disconnect()
    },
  ],
]

const AT_THE_OUTPUT: readonly Damage[] = [
  ['the next step was completed without a charge', (d, id) => d.takeOver(id, 'output', pretend, 'completed')],
  ['the next step was failed by somebody', (d, id) => d.takeOver(id, 'output', refuse, 'failed')],
]

describe.each(BACKENDS_HERE)('a job is charged once, with the queue on %s, after', (backend) => {
  let d: DamagedQueue
  beforeAll(async () => {
    d = await damagedQueue(backend)
  })
  afterAll(() => d.end())

  it.each(AT_THE_INPUT)('%s', async (_what, damage) => {
    const id = await d.submit(['first'])
    await damage(d, id)
    await d.makeDue()
    await d.expectChargedOnce(id)
  })

  it.each(backend === 'redis' ? [...AT_THE_AGENTS, ...ON_REDIS] : AT_THE_AGENTS)('%s', async (_what, damage) => {
    const id = await d.submit(['first', 'second'])
    await d.runUpTo('pipeline.agent', id)
    await damage(d, id)
    await d.makeDue()
    await d.expectChargedOnce(id)
  })

  it.each(AT_THE_OUTPUT)('%s', async (_what, damage) => {
    const id = await d.submit(['first', 'second'])
    await d.runUpTo('pipeline.output', id)
    await damage(d, id)
    await d.makeDue()
    await d.expectChargedOnce(id)
  })
})

describe.each(BACKENDS_HERE)('what lives in the queue on %s is left alone by the sweep', (backend) => {
  let d: DamagedQueue
  beforeAll(async () => {
    d = await damagedQueue(backend)
  })
  afterAll(() => d.end())

  const expectLeftAlone = async (id: string, stage: string, wake: () => Promise<unknown>) => {
    const before = await d.queueJob(id, stage)
    await d.makeDue()
    const crew = await d.startCrew()
    const overdue = () =>
      d.world.database.query('select 1 from tollkeeper.job_stages where job_id = $1 and check_at <= now()', [id])
    await eventually(overdue, (rows) => rows.length === 0)
    expect(await d.queueJob(id, stage)).toEqual(before)
    await wake()
    await crew.close()
    await d.expectChargedOnce(id)
    expect(await d.queueJob(id, stage), 'the same delivery was charged').toMatchObject({ id: before.id })
  }

  it('a paused queue job', async () => {
    await d.queue('pipeline.input').pause()
    const id = await d.submit(['first'])
    await expectLeftAlone(id, 'input', () => d.queue('pipeline.input').resume())
  })

  it('a prioritized queue job', async () => {
    await d.queue('pipeline.input').pause()
    const id = await d.submit(['first'])
    await (await d.queue('pipeline.input').getJob(`${id}.input.1`))?.changePriority({ priority: 7 })
    expect(await d.queueJob(id, 'input')).toMatchObject({ state: 'prioritized' })
    await expectLeftAlone(id, 'input', () => d.queue('pipeline.input').resume())
  })

  it('a delayed queue job', async () => {
    const id = await d.submit(['first'])
    await d.takeOver(
      id,
      'input',
      async (job, token) => {
        await job.moveToDelayed(Date.now() + HOUR_MS, token)
        throw new DelayedError()
      },
      'delayed',
    )
    await expectLeftAlone(id, 'input', async () => (await d.queue('pipeline.input').getJob(`${id}.input.1`))?.promote())
  })

  it('a step that waits for agents which live', async () => {
    const id = await d.submit(['first', 'second'])
    await d.runUpTo('pipeline.agent', id)
    await d.queue('pipeline.agent').pause()
    await expectLeftAlone(id, 'output', () => d.queue('pipeline.agent').resume())
  })
})
