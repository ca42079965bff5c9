import { setTimeout as sleep } from 'node:timers/promises'
import { createCountingPool } from '../../src/monitors/counting-pool.ts'
import { InputTokenMonitor } from '../../src/monitors/input-token.monitor.ts'
import { o200kBase } from '../../src/tokenizer/o200k-base.ts'
import { inParallel, percentile } from '../statistics.ts'
import { MEGABYTE, WORST_TEXTS } from './worst-case.ts'

/** As many texts wait or are counted at once. */
const CALLERS = 4
const IDLE_MS = 1_000

export interface LoopLag {
  readonly texts: number
  /** Of a process that counts, and of the same one before. */
  readonly p99Ms: number
  readonly highestMs: number
  readonly idleP99Ms: number
}

/**
 * How long this process's event loop keeps something waiting while 1 MB texts are measured through the monitor and its
 * threads, as a worker does. A timer of our own and not the histogram of perf_hooks, which has one sample of a pause
 * however long it was: here something is due each millisecond, so that a pause of 40 ms delays forty.
 */
export async function measureLoopLag(real: readonly string[], seconds: number): Promise<LoopLag> {
  const texts = [...real.map(fill), ...Object.values(WORST_TEXTS).map((textOf) => textOf(MEGABYTE))]
  const pool = createCountingPool()
  try {
    const monitor = new InputTokenMonitor(o200kBase, pool)
    await monitor.measure(texts[0] ?? '') // the thread has started
    const idle = await lagsDuring(() => sleep(IDLE_MS))
    let counted = 0
    const until = performance.now() + seconds * 1_000
    const lags = await lagsDuring(() =>
      inParallel(Array.from({ length: CALLERS }), CALLERS, async () => {
        for (; performance.now() < until; counted += 1) await monitor.measure(texts[counted % texts.length] ?? '')
      }),
    )
    const p99Ms = percentile(lags, 0.99)
    return { texts: counted, p99Ms, highestMs: percentile(lags, 1), idleP99Ms: percentile(idle, 0.99) }
  } finally {
    await pool.close()
  }
}

/** A text of 1 MB, of as many repetitions as that takes. */
function fill(text: string): string {
  const bytes = Buffer.from(text.repeat(Math.ceil(MEGABYTE / Buffer.byteLength(text)))).subarray(0, MEGABYTE)
  return bytes.toString().replace(/\ufffd+$/, '') // the last character may have been cut
}

/** @returns by how many milliseconds each millisecond's work was late */
async function lagsDuring(work: () => Promise<unknown>): Promise<readonly number[]> {
  const lags: number[] = []
  let due = performance.now() + 1
  const look = (): void => {
    for (const now = performance.now(); due <= now; due += 1) lags.push(now - due)
    timer = setTimeout(look, 1)
  }
  let timer = setTimeout(look, 1)
  await work()
  clearTimeout(timer)
  look()
  clearTimeout(timer)
  return lags
}
