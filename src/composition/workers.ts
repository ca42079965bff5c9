import { createProcessors } from '../../workers/registry.ts'
import type { Config } from '../config/config.ts'
import { withAdvisoryLock } from '../database/advisory-lock.ts'
import type { Logger } from '../foundation/logger.ts'
import type { Meters } from '../foundation/meters.ts'
import { ScheduleManager } from '../managers/schedule.manager.ts'
import type { BalanceWatch } from '../pipeline/balance-watch.ts'
import { Sweep } from '../pipeline/sweep.ts'
import { WorkInHand } from '../pipeline/work-in-hand.ts'
import { createWorkers } from '../queues/processing.ts'
import type { Managers } from './managers.ts'
import type { Stages } from './stages.ts'
import type { Storage } from './storage.ts'

const KEEP_CLAIM_MS = 2_000
/** Any fixed number of our own. */
const SWEEP_LOCK = 7_301_144_013
const DAY_MS = 86_400_000

/** Starts the workers of every queue, the sweep and the wake; disposing stops them, gracefully. */
export function startWorkers(
  config: Config,
  { logger, meters }: { readonly logger: Logger; readonly meters: Meters },
  storage: Storage,
  managers: Managers & { readonly balanceWatch: BalanceWatch },
  stages: Stages,
) {
  const { em, inTransaction, pool, work, backend, notifications, time } = storage
  const timing = { stageTimeoutMs: config.stageTimeoutMs, keepClaimMs: KEEP_CLAIM_MS }
  const processors = createProcessors({ ...stages, ...managers, ...timing, em, work, inHand: new WorkInHand(), logger })
  const workers = createWorkers(backend, processors, { concurrency: config.workerConcurrency, logger, meters })
  const stopListening = managers.waker.listen(notifications)
  const sweep = new Sweep({
    ...managers,
    em,
    inTransaction,
    logger,
    schedule: new ScheduleManager(time),
    alone: (work) => withAdvisoryLock(pool, SWEEP_LOCK, work),
    intervalMs: config.reconcileIntervalMs,
    holdLeaseMs: config.holdLeaseMs,
    textRetentionMs: config.textRetentionDays * DAY_MS,
  })
  sweep.start()
  return {
    ready: () => workers.ready(),
    running: () => workers.running(),
    async [Symbol.asyncDispose]() {
      stopListening()
      await sweep.stop()
      await workers.close(config.shutdownGraceMs)
      await managers.waker.drain()
    },
  }
}
