import { describe, expect, it } from 'vitest'
import { Batcher } from '../../src/database/money/batcher.ts'
import type { RunBatch } from '../../src/database/money/lane.ts'
import type { BatchBounds } from '../../src/database/money/waiting-calls.ts'
import type { Call, Verdict } from '../../src/ledger/calls.ts'

/** Whoever waits goes together. */
const BATCH: BatchBounds = { calls: 500, bytes: 2 ** 20, rows: 1_000, whole: 500, behind: 1 }

/** A batcher whose transactions fail as `failure` says; its pauses take no time, and are counted. */
function failing(failure: (calls: readonly Call[], attempt: number) => Error | undefined) {
  const attempts: (readonly Call[])[] = []
  const pauses: number[] = []
  const run: RunBatch = async (calls) => {
    attempts.push(calls)
    const error = failure(calls, attempts.length)
    if (error) throw error
    return calls.map((call) => ({ kind: 'dead', state: 'unknown', of: nameOf(call) }) as Verdict)
  }
  const time = { pause: async (ms: number) => void pauses.push(ms), later: () => undefined }
  return { batcher: new Batcher(run, { lanes: 1, batch: BATCH, time }), attempts, pauses }
}

const nameOf = (call: Call): string => `${call.organizationId} ${'jobId' in call ? call.jobId : ''}`
const fault = (code: string): Error => Object.assign(new Error(`error ${code}`), { code })
/** Six organisations by turns. */
const hundred = (batcher: Batcher): Promise<Verdict>[] =>
  Array.from({ length: 100 }, (_, index) =>
    batcher.decide('cancel', { organizationId: `organization-${index % 6}`, jobId: String(index) }),
  )
const rejectedOf = (outcomes: readonly PromiseSettledResult<unknown>[]): readonly number[] =>
  outcomes.flatMap(({ status }, index) => (status === 'rejected' ? [index] : []))

describe('a batch that fails', () => {
  it('is split until the bad call fails alone, and tries nothing twice', async () => {
    const bad = (call: Call): boolean => 'jobId' in call && call.jobId === '37'
    const { batcher, attempts, pauses } = failing((calls) => (calls.some(bad) ? fault('23514') : undefined))
    const calls = hundred(batcher)
    const outcomes = await Promise.allSettled(calls)
    expect(rejectedOf(outcomes)).toEqual([37])
    await expect(calls[37]).rejects.toThrow('error 23514')
    const done = outcomes.map((outcome) => outcome.status === 'fulfilled' && (outcome.value as { of?: string }).of)
    expect(done[36]).toBe('organization-0 36')
    expect(done[99]).toBe('organization-3 99')
    expect(attempts.length).toBeLessThanOrEqual(15)
    expect(pauses).toEqual([])
  })

  it('lets each bad call fail where all are bad', async () => {
    const { batcher, attempts } = failing(() => fault('22003'))
    expect(rejectedOf(await Promise.allSettled(hundred(batcher)))).toHaveLength(100)
    expect(attempts).toHaveLength(199)
  })

  it.each(['08006', '53100', '57P03', '25006', 'ECONNREFUSED'])(
    'is not split when the database answers nobody: five tries for all (%s)',
    async (code) => {
      const { batcher, attempts, pauses } = failing(() => fault(code))
      const calls = hundred(batcher)
      const outcomes = await Promise.allSettled(calls)
      expect(rejectedOf(outcomes)).toHaveLength(100)
      await expect(calls[0]).rejects.toMatchObject({ code: 'unavailable', status: 503 })
      expect(attempts.map(({ length }) => length)).toEqual([100, 100, 100, 100, 100])
      expect(pauses).toEqual([50, 200, 800, 3_200])
    },
  )

  it('gives the rest up, too, when the database goes away between two halves', async () => {
    const { batcher, attempts } = failing((_, attempt) => (attempt === 1 ? fault('23514') : fault('57P01')))
    const outcomes = await Promise.allSettled(hundred(batcher))
    expect(rejectedOf(outcomes)).toHaveLength(100)
    expect(attempts.map(({ length }) => length)).toEqual([100, 50, 50, 50, 50, 50])
  })

  it('knows a lost connection by what the driver says, where there is no code', async () => {
    for (const message of [
      'Connection terminated unexpectedly',
      'timeout exceeded when trying to connect',
      'Client has encountered a connection error and is not queryable',
      'Query read timeout',
    ]) {
      const { batcher, attempts } = failing((_, attempt) => (attempt === 1 ? new Error(message) : undefined))
      expect(rejectedOf(await Promise.allSettled(hundred(batcher))), message).toEqual([])
      expect(attempts, message).toHaveLength(2)
    }
  })

  it('is tried again as a whole after a deadlock or a serialization failure', async () => {
    for (const code of ['40P01', '40001']) {
      const { batcher, attempts, pauses } = failing((_, attempt) => (attempt <= 4 ? fault(code) : undefined))
      expect(rejectedOf(await Promise.allSettled(hundred(batcher)))).toEqual([])
      expect(attempts).toHaveLength(5)
      expect(pauses).toEqual([20, 40, 80, 160])
    }
  })

  it('parts from an organisation that somebody keeps locked, without waiting again for the others', async () => {
    const locked = ({ organizationId }: Call): boolean => organizationId === 'organization-4'
    const { batcher, attempts } = failing((calls) => (calls.some(locked) ? fault('55P03') : undefined))
    const calls = hundred(batcher)
    const outcomes = await Promise.allSettled(calls)
    expect(rejectedOf(outcomes)).toEqual(Array.from({ length: 16 }, (_, index) => 4 + 6 * index))
    await expect(calls[4]).rejects.toMatchObject({ code: 'unavailable' })
    const waited = attempts.filter((batch) => batch.some(locked))
    const together = waited.filter((batch) => !batch.every(locked))
    expect(together.length, 'each wait for a lock takes two seconds').toBeLessThanOrEqual(3)
    expect(waited.length - together.length, 'and alone it gets its five tries').toBe(5)
  })

  it('says so when a transaction forgets a verdict, and leaves nobody waiting', async () => {
    const run: RunBatch = async (calls) => calls.slice(1).map(() => ({ kind: 'dead', state: 'unknown' }))
    const calls = hundred(new Batcher(run, { lanes: 1, batch: BATCH }))
    const outcomes = await Promise.allSettled(calls)
    expect(rejectedOf(outcomes)).toEqual([99])
    await expect(calls[99]).rejects.toThrow('without a verdict')
  })

  it('hands an Error among the verdicts to its caller alone', async () => {
    const run: RunBatch = async (calls) =>
      calls.map((_, index) => (index === 3 ? new Error('mine') : { kind: 'dead', state: 'unknown' }))
    const calls = hundred(new Batcher(run, { lanes: 1, batch: BATCH }))
    expect(rejectedOf(await Promise.allSettled(calls))).toEqual([3])
    await expect(calls[3]).rejects.toThrow('mine')
  })
})
