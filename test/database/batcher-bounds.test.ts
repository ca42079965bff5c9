import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { Batcher, type BatcherOptions } from '../../src/database/money/batcher.ts'
import type { RunBatch } from '../../src/database/money/lane.ts'
import type { BatchBounds } from '../../src/database/money/waiting-calls.ts'
import { UnavailableError } from '../../src/foundation/errors.ts'
import type { Call, Calls } from '../../src/ledger/calls.ts'

/** Whoever waits goes together, within the bounds that are the default. */
const BATCH: BatchBounds = { calls: 500, bytes: 8 * 2 ** 20, rows: 1_000, whole: 500, behind: 1 }

/** A transaction that waits until it is told to end, and time that passes when it is told to. */
function standingStill(options: Partial<BatcherOptions> = {}) {
  const batches: (readonly Call[])[] = []
  const open: (() => void)[] = []
  const alarms: (() => void)[] = []
  const run: RunBatch = async (calls) => {
    batches.push(calls)
    await new Promise<void>((resolve) => open.push(resolve))
    return calls.map(() => ({ kind: 'dead', state: 'unknown' }))
  }
  const time = { pause: async () => undefined, later: (_: number, action: () => void) => void alarms.push(action) }
  const batcher = new Batcher(run, { lanes: 1, batch: BATCH, time, ...options })
  return {
    batcher,
    batches,
    sizes: () => batches.map(({ length }) => length),
    /** Ends the transaction that is under way and lets the next one begin. */
    async end() {
      open.shift()?.()
      await turn()
      await turn()
    },
    /** Lets half of the deadline pass. */
    async halfTheDeadline() {
      for (const alarm of alarms.splice(0)) alarm()
      await turn()
    },
    alarms,
  }
}

const on = (organizationId: string, jobId = 'job') => ({ organizationId, jobId })
const settleOf = (organizationId: string, result: string | null = null): Calls['settle'] => {
  return { ...on(organizationId), stage: 'output', usage: { kind: 'output', tokens: 1 }, result }
}
const wakeOf = (organizationId: string): Calls['wake'] => ({ organizationId, jobId: null, scope: 'all', after: null })
const quiet = (promise: Promise<unknown>): void => void promise.catch(() => undefined)

/** Calls so many cancels of one organisation that its jobs' numbers say their order. */
function cancels(batcher: Batcher, organizationId: string, count: number): Promise<unknown>[] {
  return Array.from({ length: count }, (_, index) => batcher.decide('cancel', on(organizationId, String(index))))
}

describe('the bounds of a batch', () => {
  it('ends a batch after 500 calls', async () => {
    const world = standingStill()
    const all = cancels(world.batcher, 'acme', 1_100)
    await turn()
    for (let batch = 0; batch < 3; batch += 1) await world.end()
    await Promise.all(all)
    expect(world.sizes()).toEqual([500, 500, 100])
    expect(world.batches.flat().map((call) => 'jobId' in call && call.jobId)).toEqual(
      Array.from({ length: 1_100 }, (_, index) => String(index)),
    )
  })

  it('ends a batch before it carries more than its bytes, counting what a letter takes in UTF-8', async () => {
    const world = standingStill()
    const million = ['a'.repeat(1_000_000), 'é'.repeat(500_000)]
    const all = Array.from({ length: 20 }, (_, i) => world.batcher.decide('settle', settleOf('acme', million[i % 2])))
    await turn()
    for (let batch = 0; batch < 3; batch += 1) await world.end()
    await Promise.all(all)
    expect(world.sizes()).toEqual([8, 8, 4])
  })

  it('sends a call that is larger than a batch alone', async () => {
    const world = standingStill()
    const all = [1, 20_000_000, 1].map((size) => world.batcher.decide('settle', settleOf('acme', 'x'.repeat(size))))
    await turn()
    for (let batch = 0; batch < 3; batch += 1) await world.end()
    await Promise.all(all)
    expect(world.sizes()).toEqual([1, 1, 1])
  })

  it('sends a batch behind the one under way where enough wait for it; fewer share the next with whoever comes', async () => {
    const batches: number[] = []
    const ends: (() => void)[] = []
    const run: RunBatch = async (calls, from) => {
      batches.push(calls.length)
      from?.sent()
      await new Promise<void>((resolve) => ends.push(resolve))
      return calls.map(() => ({ kind: 'dead', state: 'unknown' }))
    }
    const turns = async (): Promise<void> => {
      for (let passed = 0; passed < 4; passed += 1) await turn()
    }
    const end = async (): Promise<void> => {
      ends.shift()?.()
      await turns()
    }
    const batcher = new Batcher(run, { lanes: 1, batch: { ...BATCH, whole: 2, behind: 4 } })
    const few = cancels(batcher, 'acme', 6)
    await turns()
    expect(batches, 'three are left, and not enough').toEqual([3])
    few.push(...cancels(batcher, 'acme', 1))
    await end()
    expect(batches, 'they share theirs with whoever came').toEqual([3, 2])
    while (ends.length > 0) await end()
    await Promise.all(few)
    batches.length = 0

    const many = cancels(batcher, 'acme', 10)
    await turns()
    expect(batches, 'five are left, and enough; then two batches are under way').toEqual([5, 3])
    await end()
    expect(batches, 'two are left').toEqual([5, 3])
    await end()
    expect(batches).toEqual([5, 3, 2])
    await end()
    await Promise.all(many)
  })

  it('lets ten organisations walk over their parked jobs in a batch, each as often as it likes', async () => {
    const world = standingStill()
    const ids = Array.from({ length: 15 }, (_, index) => `organization-${index}`)
    const walks = ids.map((id) => world.batcher.decide('wake', wakeOf(id)))
    await turn()
    const again = Array.from({ length: 40 }, () => world.batcher.decide('wake', wakeOf('organization-0')))
    await world.end()
    await world.end()
    await world.end()
    await Promise.all([...walks, ...again])
    expect(world.sizes()).toEqual([10, 45])
  })
})

describe('the turns of a lane', () => {
  it('gives every organisation a place in the next batch, however much a hot one asks for', async () => {
    const world = standingStill()
    const hot = cancels(world.batcher, 'hot', 5_000)
    await turn()
    const late = world.batcher.decide('cancel', on('small'))
    await world.end()
    await world.end()
    await late
    expect(world.batches[1]?.slice(0, 2).map(({ organizationId }) => organizationId)).toEqual(['hot', 'small'])
    expect(world.sizes()).toEqual([500, 500, 500])
    while (world.batches.length < 11) await world.end()
    await world.end()
    await Promise.all(hot)
  })

  it('lets an extension of a claim pass a full lane, so that waiting ends no claim', async () => {
    const world = standingStill({ waiting: { calls: 1_200, bytes: 2 ** 30 } })
    const first = cancels(world.batcher, 'hot', 600)
    const second = cancels(world.batcher, 'warm', 600)
    await expect(world.batcher.decide('cancel', on('cold'))).rejects.toThrow(UnavailableError)
    const keep = world.batcher.decide('keep', { ...on('cold'), stage: 'output', claimId: 'c', leaseMs: 1 })
    await turn()
    expect(world.batches[0]?.[0]?.kind).toBe('keep')
    for (let batch = 0; batch < 3; batch += 1) await world.end()
    await Promise.all([...first, ...second, keep])
    expect(world.sizes()).toEqual([500, 500, 201])
  })

  it('keeps an organisation in one lane, and lets the others run beside it', async () => {
    const world = standingStill({ lanes: 4 })
    const ids = Array.from({ length: 64 }, (_, index) => `organization-${index}`)
    const all = ids.flatMap((id) => cancels(world.batcher, id, 3))
    await turn()
    expect(world.batches).toHaveLength(4)
    const lanes = world.batches.map((batch) => new Set(batch.map(({ organizationId }) => organizationId)))
    expect(lanes.reduce((sum, { size }) => sum + size, 0)).toBe(64)
    for (const { size } of lanes) expect(size).toBeGreaterThan(4)
    for (let lane = 0; lane < 4; lane += 1) await world.end()
    await Promise.all(all)
  })
})

describe('a lane that is behind', () => {
  it('refuses at once what it has no room for, and says that nothing was done', async () => {
    const world = standingStill({ waiting: { calls: 1_000, bytes: 2 ** 30 } })
    const hot = cancels(world.batcher, 'hot', 501)
    await expect(hot[500]).rejects.toMatchObject({ code: 'unavailable', status: 503 })
    await expect(hot[500]).rejects.toThrow('Nothing was done')
    const others = Array.from({ length: 501 }, (_, index) => world.batcher.decide('cancel', on(`other-${index}`)))
    await expect(others[500]).rejects.toThrow('Nothing was done')
    await turn()
    for (let batch = 0; batch < 2; batch += 1) await world.end()
    await Promise.all([...hot.slice(0, 500), ...others.slice(0, 500)])
    expect(world.sizes()).toEqual([500, 500])
    quiet(world.batcher.decide('cancel', on('hot')))
    await turn()
    expect(world.sizes(), 'room that became free is given away again').toHaveLength(3)
    await world.end()
  })

  it('refuses bytes as it refuses calls', async () => {
    const world = standingStill({ waiting: { calls: 1_000, bytes: 10_000_000 } })
    const result = 'x'.repeat(2_400_000)
    const three = [1, 2, 3].map(() => world.batcher.decide('settle', settleOf('hot', result)))
    await expect(three[2]).rejects.toThrow('Nothing was done')
    const others = ['b', 'c', 'd'].map((id) => world.batcher.decide('settle', settleOf(id, result)))
    await expect(others[2]).rejects.toThrow('Nothing was done')
    await turn()
    for (let batch = 0; batch < 2; batch += 1) await world.end()
    await Promise.all([...three.slice(0, 2), ...others.slice(0, 2)])
    expect(world.sizes()).toEqual([3, 1])
    const again = world.batcher.decide('settle', settleOf('hot', result))
    await turn()
    await world.end()
    await again
    expect(world.sizes(), 'room that became free is given away again').toEqual([3, 1, 1])
  })

  it('has the same room after all that went through it as before', async () => {
    const world = standingStill({ waiting: { calls: 10, bytes: 10_000 } })
    for (let round = 0; round < 20; round += 1) {
      const both = ['a', 'b'].map((id) => world.batcher.decide('settle', settleOf(id, 'x'.repeat(4_000))))
      await turn()
      await world.end()
      await Promise.all(both)
    }
    expect(world.sizes()).toEqual(Array.from({ length: 20 }, () => 2))
  })

  it('takes a call that is larger than all its room when nothing else waits, since later it is no smaller', async () => {
    const world = standingStill({ waiting: { calls: 1_000, bytes: 1_000 } })
    const large = world.batcher.decide('settle', settleOf('acme', 'x'.repeat(2_000)))
    await expect(world.batcher.decide('cancel', on('other'))).rejects.toThrow('Nothing was done')
    await turn()
    await world.end()
    await large
    expect(world.sizes()).toEqual([1])
  })

  it('tells those whom no batch took within the deadline, and never whom one took', async () => {
    const world = standingStill()
    const begun = world.batcher.decide('cancel', on('acme', 'begun'))
    await turn()
    const early = world.batcher.decide('cancel', on('acme', 'early'))
    quiet(early)
    await world.halfTheDeadline()
    const late = world.batcher.decide('cancel', on('acme', 'late'))
    const keep = world.batcher.decide('keep', { ...on('other'), stage: 'output', claimId: 'c', leaseMs: 1 })
    await world.halfTheDeadline()
    await expect(early).rejects.toMatchObject({ code: 'unavailable', status: 503 })
    await expect(early).rejects.toThrow('Nothing was done')
    await world.end()
    await expect(begun).resolves.toMatchObject({ kind: 'dead' })
    await world.end()
    await Promise.all([late, keep])
    expect(world.batches.map((batch) => batch.map((call) => 'jobId' in call && call.jobId))).toEqual([
      ['begun'],
      ['job', 'late'],
    ])
    await world.halfTheDeadline()
    expect(world.alarms, 'nothing waits, so no timer runs').toHaveLength(0)
  })

  it('is empty after everything that waited was late', async () => {
    const world = standingStill()
    const begun = world.batcher.decide('cancel', on('acme'))
    await turn()
    const late = ['a', 'b', 'c'].map((id) => world.batcher.decide('cancel', on(id)))
    for (const promise of late) quiet(promise)
    await world.halfTheDeadline()
    await world.halfTheDeadline()
    const outcomes = await Promise.allSettled(late)
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    await world.end()
    await begun
    await world.batcher.drain()
    expect(world.batches).toHaveLength(1)
    const next = world.batcher.decide('cancel', on('b'))
    await turn()
    await world.end()
    await next
    expect(world.batches).toHaveLength(2)
  })
})
