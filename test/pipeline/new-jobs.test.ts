import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { Delivery } from '../../src/ledger/calls.ts'
import { NewJobs } from '../../src/pipeline/new-jobs.ts'

const delivery = (number: number): Delivery => {
  const stages = [{ stage: 'input', delivery: 1 }]
  return { jobId: `job ${number}`, organizationId: 'acme', generation: 0, stages, parent: null }
}
const deliveries = (count: number): readonly Delivery[] =>
  Array.from({ length: count }, (_, number) => delivery(number))

/** An outbox that notes what it is given at once, and takes a moment for it. */
function noted(pauseMs: number) {
  const pushes: number[] = []
  const ids: string[] = []
  const push = async (given: readonly (Delivery | null)[]): Promise<void> => {
    pushes.push(given.length)
    ids.push(...given.map((each) => each?.jobId ?? ''))
    await sleep(1)
  }
  return { pushes, ids, newJobs: new NewJobs({ push }, pauseMs) }
}
const LONG_MS = 60_000

describe('new jobs on their way into the queue', () => {
  it('go at once where they come one by one, and nothing is made of those that a platform runs itself', async () => {
    const { pushes, newJobs } = noted(LONG_MS)
    for (let number = 0; number < 3; number += 1) {
      newJobs.push(delivery(number))
      newJobs.push(null)
      await sleep(20)
    }
    expect(pushes).toEqual([1, 1, 1])
  })

  it('go at once at the head of a rush, and are gathered behind it for a moment', async () => {
    const { pushes, ids, newJobs } = noted(100)
    for (const each of deliveries(40)) newJobs.push(each)
    await sleep(20)
    for (const each of deliveries(10)) newJobs.push(each)
    await sleep(20)
    for (const each of deliveries(5)) newJobs.push(each)
    expect(pushes).toEqual([40])
    await sleep(300)
    expect(pushes).toEqual([40, 15])
    expect(ids).toEqual([...deliveries(40), ...deliveries(10), ...deliveries(5)].map(({ jobId }) => jobId))
  })

  it('wait no longer once they are enough', async () => {
    const { pushes, newJobs } = noted(LONG_MS)
    for (const each of deliveries(40)) newJobs.push(each)
    await sleep(20)
    for (const each of deliveries(500)) newJobs.push(each)
    await sleep(20)
    expect(pushes).toEqual([40, 500])
  })

  it('wait no longer when the process ends, and are all there then', async () => {
    const { pushes, newJobs } = noted(LONG_MS)
    for (const each of deliveries(40)) newJobs.push(each)
    await sleep(20)
    for (const each of deliveries(35)) newJobs.push(each)
    await newJobs.drain()
    expect(pushes).toEqual([40, 35])
  })

  it('are never gathered where adding one costs no more than adding it with others', async () => {
    const { pushes, newJobs } = noted(0)
    for (const each of deliveries(40)) newJobs.push(each)
    await Promise.resolve()
    for (const each of deliveries(2)) newJobs.push(each)
    await sleep(20)
    expect(pushes).toEqual([40, 2])
  })
})
