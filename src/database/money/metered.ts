import type { Meters } from '../../foundation/meters.ts'
import type { Writes } from '../../ledger/facts.ts'
import type { RunBatch } from './lane.ts'

/** Counts each batch, and how long its transaction took. */
export function metered(run: RunBatch, meters: Pick<Meters, 'batch'>): RunBatch {
  return async (calls, from) => {
    const startedAt = performance.now()
    let stored = false
    try {
      const verdicts = await run(calls, from)
      stored = true
      return verdicts
    } finally {
      meters.batch(calls.length, (performance.now() - startedAt) / 1_000, stored)
    }
  }
}

/**
 * Counts what a transaction has stored, behind its COMMIT. What was decided before is not written again and not counted
 * again; of a COMMIT whose answer was lost nothing is counted, so that these figures may fall short of the ledger's.
 */
export function countStored(meters: Pick<Meters, 'charged' | 'rejected' | 'absorbed'>, writes: Writes): void {
  for (const { kind, credit, currency, amount } of writes.entries) {
    if (credit === 'revenue' && kind !== 'write_off') meters.charged(currency, amount)
  }
  for (const { reason, tokens, cost } of writes.absorbed) meters.absorbed(reason, tokens, cost)
  if (writes.changed.length === 0) return
  const changed = new Set(writes.changed)
  for (const { id, state, rejection } of writes.jobs) {
    if (state === 'rejected_for_balance' && rejection && changed.has(id)) meters.rejected(rejection.reason)
  }
}
