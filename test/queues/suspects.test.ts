import { DelayedError, type Processor } from 'bullmq'
import { describe, expect, it } from 'vitest'
import { newId } from '../../src/foundation/ids.ts'
import { Suspects } from '../../src/queues/suspects.ts'
import { charged, stage, until, useQueues } from './queue-bench.ts'
import { KINDS, openBackend, type QueueServer } from './queue-servers.ts'

const never = new AbortController().signal

/** Work that notes its beginning and ends when it is told. */
function pending(log: string[], name: string) {
  const { promise, resolve } = Promise.withResolvers<string>()
  const work = () => {
    log.push(name)
    return promise
  }
  return { work, end: () => resolve(name) }
}
const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('suspects', () => {
  it('run one after the other; whoever lost fewer workers runs at once', async () => {
    const log: string[] = []
    const suspects = new Suspects()
    const [first, second, innocent] = [pending(log, 'first'), pending(log, 'second'), pending(log, 'innocent')]
    const runs = [
      suspects.run(3, never, first.work),
      suspects.run(5, never, second.work),
      suspects.run(2, never, innocent.work),
    ]
    await settled()
    expect(log).toEqual(['innocent', 'first'])
    first.end()
    expect(await runs[0]).toBe('first')
    await settled()
    expect(log).toEqual(['innocent', 'first', 'second'])
    second.end()
    innocent.end()
    expect(await Promise.all(runs)).toEqual(['first', 'second', 'innocent'])
  })

  it('give their turn on when they fail, and when they are told to stop while they wait', async () => {
    const log: string[] = []
    const suspects = new Suspects()
    const holder = pending(log, 'holder')
    const holding = suspects.run(3, never, async () => {
      await holder.work()
      throw new Error('broken')
    })
    const stop = new AbortController()
    const stopped = suspects.run(3, stop.signal, async () => log.push('never'))
    const last = suspects.run(3, never, async () => log.push('last'))
    stop.abort(new Error('goes down'))
    await expect(stopped).rejects.toThrow('goes down')
    await settled()
    expect(log, 'who was stopped gives no turn that he had not got').toEqual(['holder'])
    holder.end()
    await expect(holding).rejects.toThrow('broken')
    await last
    expect(log).toEqual(['holder', 'last'])
  })
})

/** Takes queue jobs of the input and never comes back, three times each; then it puts them off, for somebody else. */
async function loseWorkers(server: QueueServer, arePutOff: () => Promise<void>): Promise<void> {
  const foreign = openBackend(server)
  const hasty = { lockDuration: 200, lockRenewTime: 10_000, stalledInterval: 100, maxStalledCount: 99, concurrency: 50 }
  const lose: Processor = async (job, token) => {
    if (job.stalledCounter < 3) return new Promise<never>(() => undefined)
    await job.moveToDelayed(Date.now() + 3_600_000, token)
    throw new DelayedError()
  }
  const worker = foreign.newWorker('pipeline.input', lose, hasty)
  await until(arePutOff)
  await worker.close(true)
  await foreign.close()
}

describe.each(KINDS)('queue jobs that lost three workers, on %s', (kind) => {
  const bench = useQueues(kind)

  it('are begun one at a time', async () => {
    const jobs = [newId(), newId(), newId()]
    await bench.queues().enqueueStages(jobs.map((jobId) => stage(jobId, 'input')))
    const input = bench.queue('pipeline.input')
    await loseWorkers(bench.server(), async () => expect(await input.getDelayedCount()).toBe(jobs.length))
    await input.promoteJobs()
    let atOnce = 0
    const seen: number[] = []
    bench.work({
      'pipeline.input': async () => {
        atOnce += 1
        seen.push(atOnce)
        await new Promise((resolve) => setTimeout(resolve, 50))
        atOnce -= 1
        return charged
      },
    })
    await until(async () => expect(seen).toEqual([1, 1, 1]), 20_000)
  })
})
