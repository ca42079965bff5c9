import { expect, test } from 'vitest'
import { newId } from '../../src/foundation/ids.ts'
import { createWorkers } from '../../src/queues/processing.ts'
import { createQueues } from '../../src/queues/queues.ts'
import { Trimming } from '../../src/queues/trimming.ts'
import { charged, stage, until } from './queue-bench.ts'
import { KINDS, openBackend, quiet, startQueueServer } from './queue-servers.ts'

test('the first completion trims, and then every one by which a tenth more came', () => {
  const trimming = new Trimming()
  const due = Array.from({ length: 250 }, () => trimming.isDue({ count: 1_000 }))
  expect(due.flatMap((is, index) => (is ? [index] : []))).toEqual([0, 100, 200])
})

test.each([
  ['a small number is kept exactly', { count: 19 }],
  ['what is not kept goes at once', true],
  ['a plain number is left to BullMQ', 1_000],
])('%s', (_what, kept) => {
  const trimming = new Trimming()
  expect([trimming.isDue(kept), trimming.isDue(kept), trimming.isDue(kept)]).toEqual([true, true, true])
})

test.each(KINDS)('a queue on %s keeps what it shall, and at most a tenth more', async (kind) => {
  const server = await startQueueServer(kind)
  const backend = openBackend(server)
  const queues = createQueues(backend, { keepCompleted: 50, logger: quiet })
  const nothing = async () => charged
  const workers = createWorkers(
    backend,
    {
      'pipeline.input': nothing,
      'pipeline.agent': nothing,
      'pipeline.output': nothing,
      'billing.rejected-for-balance': nothing,
      'billing.maintenance': nothing,
    },
    { concurrency: 4, logger: quiet },
  )
  const input = queues.boardQueues().find(({ name }) => name === 'pipeline.input')
  for (let round = 0; round < 6; round += 1) {
    await queues.enqueueStages(Array.from({ length: 20 }, () => stage(newId(), 'input')))
    await until(async () => expect(await input?.getJobCountByTypes('waiting', 'active')).toBe(0))
    const kept = await input?.getCompletedCount()
    // Four completions at once may each not see what the others add.
    expect(kept).toBeLessThanOrEqual(50 + 5 + 4)
    expect(kept).toBeGreaterThanOrEqual(Math.min(50, (round + 1) * 20))
  }
  await workers.close(1_000)
  await backend.close()
  await server.end()
})
