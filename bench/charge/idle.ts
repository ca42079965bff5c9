import { percentile, secondsOf } from '../statistics.ts'
import type { World } from '../world.ts'
import type { Reference } from './reference.ts'
import { admittedJobs, settle } from './settles.ts'

const WARM_UP = 100
/** Fewer say nothing about a p99. */
const CALLS_MIN = 300

/** Milliseconds of one call at a time, nothing else going on. */
export interface Latency {
  readonly calls: number
  readonly settleP50Ms: number
  readonly settleP99Ms: number
  readonly insertP50Ms: number
  readonly insertP99Ms: number
}

/** One settle, one INSERT, one settle …: both meet the same moods of the disk. */
export async function measureIdle(
  world: World,
  reference: Reference,
  organization: string,
  atMost: { readonly calls: number; readonly seconds: number },
): Promise<Latency> {
  const { jobs } = await admittedJobs(world, { organizations: [organization], callers: 100 }, atMost.calls + WARM_UP)
  const settles: number[] = []
  const inserts: number[] = []
  const started = performance.now()
  for (const job of jobs) {
    const late = performance.now() - started > atMost.seconds * 1_000
    if (late && settles.length >= CALLS_MIN + WARM_UP) break
    settles.push(await secondsOf(() => settle(world, job)))
    inserts.push(await reference.one())
  }
  const [measured, plain] = [settles.slice(WARM_UP), inserts.slice(WARM_UP)]
  return {
    calls: measured.length,
    settleP50Ms: percentile(measured, 0.5) * 1_000,
    settleP99Ms: percentile(measured, 0.99) * 1_000,
    insertP50Ms: percentile(plain, 0.5) * 1_000,
    insertP99Ms: percentile(plain, 0.99) * 1_000,
  }
}
