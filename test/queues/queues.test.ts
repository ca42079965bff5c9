import { describe, expect, test } from 'vitest'
import { newId } from '../../src/foundation/ids.ts'
import { DeadEnd } from '../../src/queues/delivery.ts'
import { charged, probe, stage, until, useQueues } from './queue-bench.ts'
import { KINDS } from './queue-servers.ts'

describe.each(KINDS)('stages on %s', (kind) => {
  const bench = useQueues(kind)

  test('a stage goes to its queue under an id and a name that tell what it is', async () => {
    const jobId = newId()
    await bench
      .queues()
      .enqueueStages([stage(jobId, 'input'), stage(jobId, 'agent.summarizer', 2), stage(jobId, 'output', 1)])
    const agent = await bench.queue('pipeline.agent').getJob(`${jobId}.agent.summarizer.2`)
    expect(agent?.name).toBe('acme · agent.summarizer')
    expect(agent?.data).toEqual({ jobId, stage: 'agent.summarizer' })
    expect(await bench.queue('pipeline.input').getJob(`${jobId}.input.0`)).toBeDefined()
    expect(await bench.queue('pipeline.output').getJob(`${jobId}.output.1`)).toBeDefined()
    expect(await bench.queue('billing.rejected-for-balance').count()).toBe(0)
  })

  test('the same delivery added a thousand times is one queue job', async () => {
    const jobId = newId()
    await bench.queues().enqueueStages(Array.from({ length: 1_000 }, () => stage(jobId, 'input')))
    await bench.queues().enqueueStages([stage(jobId, 'input')])
    expect(await bench.queue('pipeline.input').count()).toBe(1)
  })

  test('a delivery that failed is not run by adding it again, and is told as ended', async () => {
    const jobId = newId()
    bench.work({
      'pipeline.input': async () => {
        bench.seen.push('input')
        throw new DeadEnd('not payable')
      },
    })
    await bench.queues().enqueueStages([stage(jobId, 'input')])
    await until(async () => expect(await bench.queues().liveness([probe(jobId, 'input')])).toEqual(['ended']))
    await bench.queues().enqueueStages([stage(jobId, 'input')])
    expect(await bench.queues().liveness([probe(jobId, 'input'), probe(jobId, 'input', 1)])).toEqual(['ended', 'ended'])
    expect((await bench.queue('pipeline.input').getJob(`${jobId}.input.0`))?.failedReason).toBe('not payable')
    await bench.queues().enqueueStages([stage(jobId, 'input', 1)])
    await until(async () => expect(bench.seen).toEqual(['input', 'input']))
  })

  test('liveness knows waiting, delayed, parents, charged and unknown deliveries', async () => {
    const [waiting, flow, unknown] = [newId(), newId(), newId()]
    await bench.queues().enqueueStages([stage(waiting, 'input')])
    await bench
      .queues()
      .enqueueFlows([{ parent: stage(flow, 'output'), children: [stage(flow, 'agent.a'), stage(flow, 'agent.b')] }])
    const items = [
      probe(waiting, 'input'),
      probe(flow, 'agent.a'),
      probe(flow, 'output', 0, ['agent.a', 'agent.b']),
      probe(flow, 'output'),
      probe(unknown, 'input'),
    ]
    expect(await bench.queues().liveness(items)).toEqual(['live', 'live', 'live', 'ended', 'ended'])
    await bench.queue('pipeline.input').pause()
    expect(await bench.queues().liveness(items.slice(0, 1))).toEqual(['live'])
    expect(await bench.queues().liveness([])).toEqual([])
  })

  test('a step that waits for agents which are gone is not waited for', async () => {
    const [lost, living] = [newId(), newId()]
    const members = (jobId: string) => ({
      parent: stage(jobId, 'output'),
      children: [stage(jobId, 'agent.a'), stage(jobId, 'agent.b')],
    })
    await bench.queues().enqueueFlows([members(lost)])
    // On PostgreSQL its parent waits for ever then, on Redis it is free to run.
    await bench.queue('pipeline.agent').obliterate({ force: true })
    await bench.queues().enqueueFlows([members(living)])
    const parents = [lost, living].map((jobId) => probe(jobId, 'output', 0, ['agent.a', 'agent.b']))
    expect(await bench.queues().liveness(parents)).toEqual([kind === 'postgres' ? 'ended' : 'live', 'live'])
  })

  test('dropped deliveries are gone, but for one that runs, and no agent goes with its next step', async () => {
    const [flow, runs] = [newId(), newId()]
    const over = Promise.withResolvers<void>()
    bench.work({
      'pipeline.input': async () => {
        bench.seen.push('input')
        await over.promise
        return charged
      },
    })
    await bench.queue('pipeline.agent').pause()
    await bench.queues().enqueueFlows([{ parent: stage(flow, 'output'), children: [stage(flow, 'agent.a')] }])
    await bench.queues().enqueueStages([stage(runs, 'input')])
    await until(async () => expect(bench.seen).toEqual(['input']))
    await bench.queues().dropStages([stage(flow, 'output'), stage(runs, 'input'), stage(newId(), 'input')])
    expect(await bench.queue('pipeline.output').getJobState(`${flow}.output.0`)).toBe('unknown')
    expect(await bench.queues().liveness([probe(flow, 'agent.a'), probe(runs, 'input')])).toEqual(['live', 'live'])
    over.resolve()
    await until(async () => expect(await bench.queue('pipeline.input').getCompletedCount()).toBe(1))
  })

  test('the next step runs after its agents, whether they were charged or left no card', async () => {
    const jobId = newId()
    bench.work({
      'pipeline.agent': async ({ data }) => {
        bench.seen.push(data.stage)
        return data.stage === 'agent.a' ? { kind: 'ended' } : charged
      },
    })
    const flow = { parent: stage(jobId, 'output'), children: [stage(jobId, 'agent.a'), stage(jobId, 'agent.b')] }
    await bench.queues().enqueueFlows([flow])
    await until(async () => expect(bench.seen.toSorted()).toEqual(['agent.a', 'agent.b', 'output']))
    expect(bench.seen.at(-1)).toBe('output')
    await until(async () => expect(await bench.queue('pipeline.output').getCompletedCount()).toBe(1))
    expect(await bench.queue('pipeline.agent').getJob(`${jobId}.agent.a.0`)).toBeUndefined()
    const kept = await bench.queue('pipeline.agent').getJob(`${jobId}.agent.b.0`)
    expect(kept?.returnvalue).toEqual({ label: '3 tokens · charged 0.01 USD' })
    // Only a member that left no card is forgotten and may run once more; what was charged does not.
    await bench.queues().enqueueFlows([flow])
    const ranAgain = bench.seen.slice(3)
    expect(ranAgain.filter((seen) => seen !== 'agent.a')).toEqual([])
  })

  test('an agent that fails for good fails the next step without running it', async () => {
    const jobId = newId()
    bench.work({
      'pipeline.agent': async ({ data }) => {
        if (data.stage === 'agent.a') throw new DeadEnd('agent.a is broken')
        return charged
      },
    })
    await bench
      .queues()
      .enqueueFlows([{ parent: stage(jobId, 'output'), children: [stage(jobId, 'agent.a'), stage(jobId, 'agent.b')] }])
    await until(async () =>
      expect(await bench.queues().liveness([probe(jobId, 'output', 0, ['agent.a', 'agent.b'])])).toEqual(['ended']),
    )
    expect(await bench.queue('pipeline.output').getFailedCount()).toBe(1)
    expect(bench.seen).toEqual([])
  })

  test('a run that is put off comes back at its time and costs no attempt', async () => {
    const jobId = newId()
    const starts: { at: number; attemptsMade: number }[] = []
    bench.work({
      'pipeline.input': async ({ attemptsMade }) => {
        starts.push({ at: Date.now(), attemptsMade })
        return starts.length === 1 ? { kind: 'later', untilMs: Date.now() + 700 } : charged
      },
    })
    await bench.queues().enqueueStages([stage(jobId, 'input')])
    await until(async () => expect(await bench.queue('pipeline.input').getDelayedCount()).toBe(1))
    expect(await bench.queues().liveness([probe(jobId, 'input')])).toEqual(['live'])
    await until(async () => expect(await bench.queue('pipeline.input').getCompletedCount()).toBe(1))
    expect(starts.map((start) => start.attemptsMade)).toEqual([0, 0])
    expect((starts[1]?.at ?? 0) - (starts[0]?.at ?? 0)).toBeGreaterThanOrEqual(650)
  })

  test('a technical failure is tried three times and its reason is cut and storable', async () => {
    const jobId = newId()
    bench.work({
      'pipeline.input': async ({ attemptsMade, attemptsMax }) => {
        bench.seen.push(`${attemptsMade + 1}/${attemptsMax}`)
        throw new Error(`\0${'x'.repeat(5_000_000)}`)
      },
    })
    await bench.queues().enqueueStages([stage(jobId, 'input')])
    await until(async () => expect(await bench.queue('pipeline.input').getFailedCount()).toBe(1), 15_000)
    const failed = await bench.queue('pipeline.input').getJob(`${jobId}.input.0`)
    expect(bench.seen).toEqual(['1/3', '2/3', '3/3'])
    expect(failed?.failedReason).toHaveLength(1_000)
    expect(JSON.stringify(failed?.stacktrace).length).toBeLessThan(3_000)
  })

  test.each([
    ['null', null],
    ['a string', 'rm -rf'],
    ['an array', []],
    ['an unknown field', { jobId: newId(), stage: 'input', organizationId: 'acme' }],
    ['a foreign kind of id', { jobId: '../../etc', stage: 'input' }],
    ['a stage that is a number', { jobId: newId(), stage: 5 }],
    ['a stage of no kind', { jobId: newId(), stage: 'agent.UPPER' }],
  ])('a queue job with data of %s is a dead end with a reason', async (_what, data) => {
    bench.work()
    await bench.queue('pipeline.input').add('injected', data, { jobId: `injected-${newId()}`, attempts: 5 })
    await until(async () => expect(await bench.queue('pipeline.input').getFailedCount()).toBe(1))
    const [failed] = await bench.queue('pipeline.input').getFailed()
    expect(failed?.failedReason).toMatch(/^Not a queue job of ours, nothing was done: /)
    expect(failed?.attemptsMade).toBe(1)
    expect(bench.seen).toEqual([])
  })

  test('charged cards are kept up to their number', async () => {
    bench.work()
    await bench.queues().enqueueStages(Array.from({ length: 20 }, () => stage(newId(), 'input')))
    await until(async () => expect(bench.seen).toHaveLength(20))
    await until(async () => expect(await bench.queue('pipeline.input').getActiveCount()).toBe(0))
    // Completions at the same moment may leave some more on PostgreSQL; the next one clears them.
    await bench.queues().enqueueStages([stage(newId(), 'input')])
    await until(async () => expect(await bench.queue('pipeline.input').getCompletedCount()).toBe(5))
  })
})
