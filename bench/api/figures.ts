import { type BenchResult, shown } from '../report.ts'
import { median } from '../statistics.ts'
import type { Load } from './load.ts'

/** Clients that wait for an answer at once. */
export const SUBMITTERS = 100
export const READERS = 200

/** Everything once, in turns, so that a slow minute of the machine slows the reference and the figures alike. */
export interface Round {
  readonly reference: Load
  readonly submits: Load
  /** How long after the last answer the last job was in the queue. */
  readonly lagMs: number
  readonly balances: Load
}

/** An answer that was not the wanted one is no measurement. */
export function faultsOf({ reference, submits, balances }: Round): readonly string[] {
  return [reference, submits, balances].flatMap(({ faults }) => faults)
}

export function apiReport(rounds: readonly Round[]): Omit<BenchResult, 'violations'> {
  const of = (pick: (round: Round) => number): number => median(rounds.map(pick))
  const submits = of((round) => round.submits.perSecond)
  const reference = of((round) => round.reference.perSecond)
  const p99 = of((round) => round.balances.p99Ms)
  return {
    figures: [
      {
        key: 'submit',
        what: `POST /jobs, ${SUBMITTERS} connections`,
        measured: `${shown(submits)} jobs/s`,
        reference: `${shown(reference)} one-row inserts by a bare Express route/s`,
        value: submits / reference,
      },
      {
        key: 'balance_p99_ms',
        what: `GET /balance, ${READERS} connections`,
        measured: `${shown(p99)} ms p99`,
        reference: '-',
        value: p99,
      },
    ],
    details: {
      rounds: rounds.length,
      submits_per_second: submits,
      submit_p50_ms: of((round) => round.submits.p50Ms),
      submit_p99_ms: of((round) => round.submits.p99Ms),
      submit_last_in_queue_after_ms: of((round) => round.lagMs),
      bare_inserts_per_second: reference,
      bare_p50_ms: of((round) => round.reference.p50Ms),
      bare_p99_ms: of((round) => round.reference.p99Ms),
      balances_per_second: of((round) => round.balances.perSecond),
      balance_p50_ms: of((round) => round.balances.p50Ms),
    },
  }
}
