import { describe, expect, test } from 'vitest'
import { newId } from '../../src/foundation/ids.ts'
import type { CardKey } from '../../src/queues/cards.ts'
import { DeadEnd } from '../../src/queues/delivery.ts'
import { until, useQueues } from './queue-bench.ts'
import { KINDS } from './queue-servers.ts'

describe.each(KINDS)('cards on %s', (kind) => {
  const bench = useQueues(kind)

  const cards = async () => {
    const found: CardKey[] = []
    for await (const page of bench.queues().listCards()) found.push(...page)
    return found
  }

  test('a card is failed with its sentence, asks again on a retry, and goes when it is removed', async () => {
    const [one, other] = [newId(), newId()]
    const card = (jobId: string) => ({ jobId, organizationId: 'acme', stage: 'input', generation: 1 })
    let available = '0.0040'
    bench.work({
      'billing.rejected-for-balance': async ({ data, attemptsMade }) => {
        bench.seen.push(`${data.jobId} ${attemptsMade}`)
        throw new DeadEnd(`needs 0.0123 USD, ${available} available`)
      },
    })
    await bench.queues().putCards([card(one), card(other)])
    const rejected = bench.queue('billing.rejected-for-balance')
    await until(async () => expect(await rejected.getFailedCount()).toBe(2))
    await bench.queues().putCards([card(one)])
    expect(bench.seen.toSorted()).toEqual([`${one} 0`, `${other} 0`].toSorted())
    const shown = await rejected.getJob(`${one}.card.1`)
    expect(shown?.failedReason).toBe('needs 0.0123 USD, 0.0040 available')
    expect(shown?.name).toBe('acme · input')
    available = '0.0050'
    for (let asked = 1; asked <= 8; asked += 1) {
      await (await rejected.getJob(`${one}.card.1`))?.retry()
      await until(async () => expect(bench.seen.filter((entry) => entry.startsWith(one))).toHaveLength(asked + 1))
      await until(async () => expect(await rejected.getFailedCount()).toBe(2))
    }
    expect((await rejected.getJob(`${one}.card.1`))?.failedReason).toBe('needs 0.0123 USD, 0.0050 available')
    await bench.queues().removeCards([
      { jobId: one, generation: 1 },
      { jobId: other, generation: 0 },
    ])
    expect(await cards()).toEqual([{ jobId: other, generation: 1 }])
  })

  test('the list of cards has every page, and nothing that is no card', async () => {
    const put = Array.from({ length: 1_203 }, () => ({
      jobId: newId(),
      organizationId: 'acme',
      stage: 'input',
      generation: 0,
    }))
    await bench.queues().putCards(put)
    await bench.queue('billing.rejected-for-balance').add('stranger', {}, { jobId: 'stranger' })
    expect((await cards()).map((key) => key.jobId).toSorted()).toEqual(put.map((key) => key.jobId).toSorted())
    await bench.queues().removeCards(put)
    expect(await cards()).toEqual([])
  })

  test('a maintenance run is one card per task, never charged', async () => {
    bench.work()
    await bench.queues().recordMaintenance({ task: 'sweep', summary: 'repaired 1' })
    await bench.queues().recordMaintenance({ task: 'sweep', summary: 'repaired 2' })
    const shown = await bench.queue('billing.maintenance').getJobs()
    expect(shown.map((job) => job.name)).toEqual([expect.stringMatching(/^sweep · .* · repaired 2$/)])
    expect(await bench.queue('billing.maintenance').getCompletedCount()).toBe(0)
  })
})
