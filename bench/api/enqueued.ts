import { setTimeout as sleep } from 'node:timers/promises'
import { invariant } from '../../src/foundation/invariant.ts'
import type { World } from '../world.ts'

const LOOK_MS = 20
const PATIENCE_MS = 60_000

const BEHIND = `
select (select count(*) from tollkeeper.jobs)::int - (select count(*) from bullmq.job where queue = 'pipeline.input')::int as behind`

/**
 * Waits until every job that was stored is in the queue, too: an answer does not wait for that, and so it could lag more
 * and more without anybody noticing.
 * @returns milliseconds
 */
export async function untilEnqueued({ pool }: World): Promise<number> {
  const started = performance.now()
  for (;;) {
    const { rows } = await pool.query<{ behind: number }>(BEHIND)
    const behind = rows[0]?.behind ?? 0
    const waitedMs = performance.now() - started
    if (behind === 0) return waitedMs
    invariant(waitedMs < PATIENCE_MS, `${behind} jobs are not in the queue after ${PATIENCE_MS / 1_000} s`)
    await sleep(LOOK_MS)
  }
}
