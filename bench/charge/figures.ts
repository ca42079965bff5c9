import { type Figure, shown } from '../report.ts'
import { median } from '../statistics.ts'
import type { Latency } from './idle.ts'
import type { Round } from './rounds.ts'

const perSecond = (rate: number, of: string): string => `${shown(rate)} ${of}/s`

/** A ratio is of the two medians that stand beside it, so that a reader can divide for himself. */
export function throughputFigures(rounds: readonly Round[]): readonly Figure[] {
  const of = (pick: (round: Round) => number): number => median(rounds.map(pick))
  const inserts = of((round) => round.insertsPerSecond)
  const settles = of((round) => round.hot500.settlesPerSecond)
  const lines = of((round) => round.hot500.linesPerSecond)
  const byOrm = of((round) => round.ormSettlesPerSecond)
  const hot = of((round) => round.hot100.settlesPerSecond)
  const thousand = of((round) => round.thousand.settlesPerSecond)
  const reference = perSecond(inserts, 'one-row INSERT commits')
  return [
    {
      key: 'settle',
      what: 'one hot organisation, 500 callers',
      measured: perSecond(settles, 'settles'),
      reference,
      value: settles / inserts,
    },
    {
      key: 'ledger_lines',
      what: 'the same, by ledger lines',
      measured: perSecond(lines, 'lines'),
      reference,
      value: lines / inserts,
    },
    {
      key: 'settle_vs_orm',
      what: 'the same, against a unit-of-work transaction each',
      measured: perSecond(settles, 'settles'),
      reference: perSecond(byOrm, 'settles by the ORM'),
      value: settles / byOrm,
    },
    {
      key: 'thousand_organizations',
      what: '1,000 organisations, 100 callers',
      measured: perSecond(thousand, 'settles'),
      reference: perSecond(hot, 'settles of one hot organisation'),
      value: thousand / hot,
    },
  ]
}

export function idleFigure({ settleP99Ms, insertP99Ms }: Latency): Figure {
  return {
    key: 'settle_p99',
    what: 'one settle at a time on an idle system',
    measured: `${shown(settleP99Ms)} ms p99`,
    reference: `${shown(insertP99Ms)} ms p99 of a plain INSERT`,
    value: settleP99Ms / insertP99Ms,
  }
}

/** @param rates of several verifications of one organisation, in ledger rows per second */
export function verifyFigure(rates: readonly number[]): Figure {
  const rate = median(rates)
  return {
    key: 'verify_rows_per_second',
    what: 'books of the hot organisation',
    measured: perSecond(rate, 'ledger rows'),
    reference: '-',
    value: rate,
  }
}

/** What the figures are made of, for whoever wants to know more. */
export function throughputDetails(rounds: readonly Round[]): Readonly<Record<string, number>> {
  const of = (pick: (round: Round) => number): number => median(rounds.map(pick))
  const inserts = rounds.map((round) => round.insertsPerSecond)
  return {
    rounds: rounds.length,
    reference_inserts_per_second: median(inserts),
    reference_inserts_per_second_lowest: Math.min(...inserts),
    reference_inserts_per_second_highest: Math.max(...inserts),
    hot_500_settles_per_second: of((round) => round.hot500.settlesPerSecond),
    hot_500_admits_per_second: of((round) => round.hot500.admitsPerSecond),
    hot_500_node_cores: of((round) => round.hot500.nodeCores),
    hot_100_settles_per_second: of((round) => round.hot100.settlesPerSecond),
    hot_100_admits_per_second: of((round) => round.hot100.admitsPerSecond),
    hot_100_node_cores: of((round) => round.hot100.nodeCores),
    thousand_100_settles_per_second: of((round) => round.thousand.settlesPerSecond),
    thousand_100_admits_per_second: of((round) => round.thousand.admitsPerSecond),
    orm_settles_per_second: of((round) => round.ormSettlesPerSecond),
  }
}

export function idleDetails(latency: Latency): Readonly<Record<string, number>> {
  const { calls, settleP50Ms, settleP99Ms, insertP50Ms, insertP99Ms } = latency
  return {
    idle_calls: calls,
    idle_settle_p50_ms: settleP50Ms,
    idle_settle_p99_ms: settleP99Ms,
    idle_insert_p50_ms: insertP50Ms,
    idle_insert_p99_ms: insertP99Ms,
  }
}
