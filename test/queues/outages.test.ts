import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { UnavailableError } from '../../src/foundation/errors.ts'
import { newId } from '../../src/foundation/ids.ts'
import { createQueueBackend } from '../../src/queues/backends.ts'
import { createWorkers } from '../../src/queues/processing.ts'
import { createQueues } from '../../src/queues/queues.ts'
import { charged, noting, probe, stage, until, useQueues } from './queue-bench.ts'
import { KINDS, openBackend, quiet, startQueueServer } from './queue-servers.ts'

test('a worker on PostgreSQL that is closed while it starts keeps none of the pool', async () => {
  const server = await startQueueServer('postgres')
  const pool = new pg.Pool({ connectionString: server.url, options: '-c search_path=bullmq', max: 1 })
  const only = await pool.connect()
  const backend = createQueueBackend({ kind: 'postgres', pool, logger: quiet })
  await backend.newWorker('pipeline.input', async () => undefined, {}).close(true)
  only.release()
  await until(async () => expect(pool.waitingCount).toBe(0))
  // What it asked for before its close is answered; then it must hold nothing that this would wait for.
  await pool.query('select 1')
  await pool.end()
  await server.end()
})

describe.each(KINDS)('outages on %s', (kind) => {
  const bench = useQueues(kind)

  test('a worker that closes lets a short run finish and gives a long one back', async () => {
    const [short, long] = [newId(), newId()]
    let aborted = false
    const first = bench.work({
      'pipeline.input': async ({ data }, signal) => {
        bench.seen.push(data.jobId)
        signal.addEventListener('abort', () => {
          aborted = true
        })
        if (data.jobId === long) return new Promise<never>(() => {})
        await new Promise((resolve) => setTimeout(resolve, 300))
        return charged
      },
    })
    await bench.queues().enqueueStages([stage(short, 'input'), stage(long, 'input')])
    await until(async () => expect(bench.seen).toHaveLength(2))
    await first.close(800)
    expect(aborted).toBe(true)
    expect(await bench.queue('pipeline.input').getCompletedCount()).toBe(1)
    const back = await bench.queue('pipeline.input').getJob(`${long}.input.0`)
    expect(await back?.getState()).toBe('waiting')
    expect(back?.attemptsMade).toBe(0)
  })

  test('the job of a killed worker process goes on in less than 10 s', async () => {
    const jobId = newId()
    const script = fileURLToPath(new URL('./hanging-worker.ts', import.meta.url))
    const child = spawn(process.execPath, [script, kind, bench.server().url], { stdio: ['ignore', 'pipe', 'inherit'] })
    await bench.queues().enqueueStages([stage(jobId, 'input')])
    await once(child.stdout, 'data')
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
    const killedAt = Date.now()
    bench.work()
    await until(async () => expect(await bench.queue('pipeline.input').getCompletedCount()).toBe(1), 15_000)
    expect(Date.now() - killedAt).toBeLessThan(10_000)
    expect(bench.seen).toEqual(['input'])
  })

  test('a run keeps its job while the event loop lags for a second', async () => {
    bench.work({
      'pipeline.input': async () => {
        bench.seen.push('input')
        for (let lag = 0; lag < 6; lag += 1) {
          const end = Date.now() + 1_000
          while (Date.now() < end);
          await new Promise((resolve) => setTimeout(resolve, 50))
        }
        return charged
      },
    })
    await bench.queues().enqueueStages([stage(newId(), 'input')])
    await until(async () => expect(await bench.queue('pipeline.input').getCompletedCount()).toBe(1), 15_000)
    expect(bench.seen).toEqual(['input'])
  })

  test('a dead queue is told within seconds, and works by itself once it is back', async () => {
    const jobId = newId()
    bench.work()
    await bench.queues().ping()
    await bench.server().down()
    try {
      const began = Date.now()
      const calls = [
        () => bench.queues().enqueueStages([stage(jobId, 'input')]),
        () => bench.queues().enqueueFlows([{ parent: stage(jobId, 'output'), children: [stage(jobId, 'agent.a')] }]),
        () => bench.queues().liveness([probe(jobId, 'input')]),
        () => bench.queues().recordMaintenance({ task: 'sweep', summary: '' }),
        () => bench.queues().ping(),
      ]
      const answers = await Promise.allSettled(calls.map((call) => call()))
      for (const answer of answers) {
        expect(answer).toMatchObject({ status: 'rejected', reason: expect.any(UnavailableError) })
      }
      expect(Date.now() - began).toBeLessThan(4_000)
    } finally {
      await bench.server().up()
    }
    await until(() => bench.queues().enqueueStages([stage(jobId, 'input', 1)]))
    await until(async () => expect(bench.seen).toContain('input'), 15_000)
  })

  test('a queue that is dead at the start is used as soon as it lives', async () => {
    await bench.server().down()
    const late = openBackend(bench.server())
    try {
      const own = createQueues(late, { keepCompleted: 5, logger: quiet })
      await expect(own.enqueueStages([stage(newId(), 'input')])).rejects.toThrow(UnavailableError)
      await bench.server().up()
      await until(() => own.enqueueStages([stage(newId(), 'input')]))
    } finally {
      await late.close()
      await bench
        .server()
        .up()
        .catch(() => undefined)
    }
  })

  test('closing twice is harmless', async () => {
    const own = openBackend(bench.server())
    const started = createWorkers(own, noting(bench), { concurrency: 1, logger: quiet })
    await Promise.all([started.close(100), started.close(100)])
    await Promise.all([own.close(), own.close()])
  })
})
