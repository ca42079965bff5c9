import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { UnavailableError } from '../../src/foundation/errors.ts'
import { newId } from '../../src/foundation/ids.ts'
import { createWorkers } from '../../src/queues/processing.ts'
import { createQueues } from '../../src/queues/queues.ts'
import { noting, stage } from './queue-bench.ts'
import { KINDS, openBackend, type QueueServer, quiet, startQueueServer } from './queue-servers.ts'

describe.runIf(KINDS.includes('redis'))('a full Redis', () => {
  let server: QueueServer
  beforeAll(async () => {
    server = await startQueueServer('redis')
  })
  afterAll(() => server.end())

  test('refuses new stages in words, spins no worker, and goes on when it has room again', async () => {
    const backend = openBackend(server)
    const queues = createQueues(backend, { keepCompleted: 5, logger: quiet })
    const notes: { seen: string[] } = { seen: [] }
    const workers = createWorkers(backend, noting(notes), { concurrency: 2, logger: quiet })
    await workers.ready()
    const admin = new Redis(server.url)
    await admin.config('SET', 'maxmemory', '1')
    const before = process.cpuUsage()
    await expect(queues.enqueueStages([stage(newId(), 'input')])).rejects.toThrow(UnavailableError)
    const flow = { parent: stage(newId(), 'output'), children: [stage(newId(), 'agent.a')] }
    await expect(queues.enqueueFlows([flow])).rejects.toThrow(UnavailableError)
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    const { user, system } = process.cpuUsage(before)
    expect((user + system) / 1_000).toBeLessThan(500)
    expect(notes.seen).toEqual([])
    await admin.config('SET', 'maxmemory', '0')
    await queues.enqueueStages([stage(newId(), 'input')])
    await vi.waitFor(() => expect(notes.seen).toHaveLength(1), { timeout: 10_000 })
    admin.disconnect()
    await workers.close(1_000)
    await queues.close()
  })
})
