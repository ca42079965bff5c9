import { describe, expect, it } from 'vitest'
import { apiReport, faultsOf, type Round } from '../../bench/api/figures.ts'
import type { Load } from '../../bench/api/load.ts'
import { type BenchResult, toJson, toTable } from '../../bench/report.ts'
import { inParallel, median, percentile } from '../../bench/statistics.ts'

const RESULT: BenchResult = {
  figures: [
    { key: 'settle', what: 'hot', measured: '20,000 settles/s', reference: '10,000 commits/s', value: 2 },
    { key: 'settle_p99', what: 'idle', measured: '5 ms', reference: '1 ms', value: 5 },
  ],
  details: { rounds: 3 },
  violations: [],
}

describe('the report of a benchmark', () => {
  it('puts every ratio under its key into one object', () => {
    expect(toJson('charge', true, RESULT)).toMatchObject({
      bench: 'charge',
      quick: true,
      ok: true,
      settle: 2,
      settle_p99: 5,
      details: { rounds: 3 },
    })
  })

  it('has no figure where the books have a violation', () => {
    const broken = toJson('charge', true, { ...RESULT, violations: ['a line without an entry'] })
    expect(broken).toMatchObject({ ok: false, violations: ['a line without an entry'] })
    for (const key of ['settle', 'settle_p99', 'details']) expect(broken).not.toHaveProperty(key)
  })

  it('says of each figure whether its goal is reached, also where smaller is better', () => {
    const [, settle = '', latency = ''] = toTable(RESULT).split('\n')
    expect(settle).toMatch(/^settle: .* 2 +≥ 1\.3 +≥ 2\.5 +reached$/)
    expect(latency).toMatch(/^settle_p99: .* 5 +≤ 4 +≤ 2 +missed$/)
  })
})

describe('the figures of the API', () => {
  const load = (perSecond: number, p99Ms: number, faults: readonly string[] = []): Load => {
    return { perSecond, p50Ms: p99Ms / 2, p99Ms, answered: 100, faults }
  }
  const round = (submits: number, reference: number, balanceP99Ms: number): Round => {
    return { reference: load(reference, 9), submits: load(submits, 30), lagMs: 50, balances: load(9_000, balanceP99Ms) }
  }

  it('are of the medians of all rounds, not of the best one', () => {
    const { figures, details } = apiReport([
      round(9_000, 9_000, 90),
      round(6_000, 10_000, 30),
      round(5_000, 11_000, 20),
    ])
    expect(figures.map(({ key, value }) => [key, value])).toEqual([
      ['submit', 0.6],
      ['balance_p99_ms', 30],
    ])
    expect(details).toMatchObject({ rounds: 3, submits_per_second: 6_000, bare_inserts_per_second: 10_000 })
  })

  it('are none where an answer was not the wanted one', () => {
    const refused = { ...round(1, 1, 1), submits: load(1, 1, ['3 answers other than 2xx']) }
    expect(faultsOf(refused)).toEqual(['3 answers other than 2xx'])
    expect(faultsOf(round(1, 1, 1))).toEqual([])
  })
})

describe('the statistics of a benchmark', () => {
  it('take the middle of an odd and the mean of the middle two of an even number of values, in any order', () => {
    expect(median([9, 1, 5])).toBe(5)
    expect(median([9, 1, 5, 3])).toBe(4)
  })

  it('take percentiles by nearest rank, so that a p99 is a value that was seen', () => {
    const values = Array.from({ length: 200 }, (_, index) => 200 - index)
    expect(percentile(values, 0.99)).toBe(198)
    expect(percentile(values, 0.5)).toBe(100)
    expect(percentile([7], 0.99)).toBe(7)
  })

  it('never run more at once than there are callers, and everything once', async () => {
    const seen: number[] = []
    let [running, most] = [0, 0]
    await inParallel([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
      running += 1
      most = Math.max(most, running)
      await Promise.resolve()
      seen.push(item)
      running -= 1
    })
    expect(most).toBe(3)
    expect(seen.toSorted()).toEqual([1, 2, 3, 4, 5, 6, 7])
  })
})
