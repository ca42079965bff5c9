import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { Meters } from '../../foundation/meters.ts'
import { ExactTotals } from './exact-totals.ts'

/** Powers of about two up to the largest batch, so that "batches are full" and "batches are single calls" both show. */
const BATCH_CALLS = [1, 2, 5, 10, 20, 50, 100, 200, 300, 400, 500]
const BATCH_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
/** A stage is begun within milliseconds, or waits behind others for as long as a queue is long. */
const WAIT_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800]
/** What an invariant may be (verify-report): series for all of them from the start, so that an alert sees the first rise. */
const INVARIANTS = [1, 2, 3, 4, 5, 6, 7]

export interface ProcessMeters extends Meters {
  /** What prom-client cannot write: its values are doubles. */
  exactText(): string
}

/** Counts what happens in this process. No label has more values than the code has words for it. */
export function createProcessMeters(registry: Registry): ProcessMeters {
  const registers = [registry]
  const batchCalls = new Histogram({
    name: 'tollkeeper_batch_size',
    help: 'Calls in a batch of the money path',
    buckets: BATCH_CALLS,
    registers,
  })
  const batchSeconds = new Histogram({
    name: 'tollkeeper_batch_seconds',
    help: 'Seconds from sending a batch of the money path to its answer',
    buckets: BATCH_SECONDS,
    registers,
  })
  const batchesFailed = counter(registry, 'tollkeeper_batches_failed_total', 'Batches that were not stored as sent')
  const rejected = counter(registry, 'tollkeeper_rejected_total', 'Jobs parked for want of money, by reason', 'reason')
  const tokens = counter(registry, 'tollkeeper_absorbed_tokens_total', 'Tokens that nobody pays for', 'reason')
  const waited = new Histogram({
    name: 'tollkeeper_queue_wait_seconds',
    help: 'Seconds from putting a queue job to its first start',
    labelNames: ['queue'] as const,
    buckets: WAIT_SECONDS,
    registers,
  })
  const charged = new ExactTotals('tollkeeper_charged', {
    label: 'currency',
    help: 'Charged to customers',
    split: true,
  })
  const absorbed = new ExactTotals('tollkeeper_absorbed', { label: 'reason', help: 'What nobody paid for, priced' })
  return {
    batch(calls, seconds, stored) {
      batchCalls.observe(calls)
      batchSeconds.observe(seconds)
      if (!stored) batchesFailed.inc()
    },
    charged: (currency, amount) => charged.add(currency, amount),
    rejected: (reason) => rejected.inc({ reason }),
    absorbed(reason, count, cost) {
      tokens.inc({ reason }, count)
      absorbed.add(reason, cost)
    },
    queueWaited: (queue, seconds) => waited.observe({ queue }, seconds),
    verified: createVerifyMeter(registry),
    exactText: () => `${charged.text()}\n\n${absorbed.text()}\n`,
  }
}

function createVerifyMeter(registry: Registry): Meters['verified'] {
  const found = counter(registry, 'tollkeeper_verify_violations_total', 'Violations found by any check', 'invariant')
  const last = gauge(registry, 'tollkeeper_verify_violations', 'Of the last check of all organisations', 'invariant')
  const when = gauge(registry, 'tollkeeper_verify_last_run_timestamp_seconds', 'When a check ended last', 'scope')
  for (const invariant of INVARIANTS) found.inc({ invariant }, 0)
  return (whole, invariants) => {
    for (const invariant of invariants) found.inc({ invariant })
    when.set({ scope: whole ? 'all' : 'changed' }, Date.now() / 1_000)
    if (!whole) return
    for (const invariant of INVARIANTS) last.set({ invariant }, invariants.filter((each) => each === invariant).length)
  }
}

export function counter<Label extends string>(registry: Registry, name: string, help: string, ...labelNames: Label[]) {
  return new Counter({ name, help, labelNames, registers: [registry] })
}

export function gauge<Label extends string>(registry: Registry, name: string, help: string, ...labelNames: Label[]) {
  return new Gauge({ name, help, labelNames, registers: [registry] })
}
