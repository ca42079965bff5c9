import { availableParallelism } from 'node:os'
import type pg from 'pg'
import type { Config } from '../config/config.ts'
import { ApiKeyReader } from '../database/api-key-reader.ts'
import { refuseClockSkew } from '../database/clock-check.ts'
import { JobNotices } from '../database/job-notices.ts'
import { Batcher } from '../database/money/batcher.ts'
import { timeOf } from '../database/money/database-clock.ts'
import { countStored, metered } from '../database/money/metered.ts'
import { moneyTransactions } from '../database/money/money-pipe.ts'
import { Rehearsals } from '../database/money/rehearsals.ts'
import { TariffCache } from '../database/money/tariff-cache.ts'
import { Notifications } from '../database/notifications.ts'
import { openOrm } from '../database/orm.ts'
import { openKeyPool, openMoneyPool, openQueuePool, openSubmitPool } from '../database/pool.ts'
import { readSecret } from '../database/secrets.ts'
import { watchPool } from '../database/silence.ts'
import { StageWorkReader } from '../database/stage-work.ts'
import { SubmitPath } from '../database/submit/submit-path.ts'
import { createInTenantTransaction, createInTransaction } from '../database/transaction.ts'
import { type Clock, systemClock } from '../foundation/clock.ts'
import type { Logger } from '../foundation/logger.ts'
import type { Meters } from '../foundation/meters.ts'
import type { Writes } from '../ledger/facts.ts'
import { DatabaseTime } from '../managers/database-time.ts'
import { createQueueBackend, type QueueBackend } from '../queues/backends.ts'

/**
 * Batches of the money path side by side, each on a connection of its own: while one waits for its COMMIT, another is
 * folded. A lane keeps a core of PostgreSQL busy; more than four would only cut batches smaller.
 */
const MONEY_LANES = Math.min(4, Math.max(2, availableParallelism() >> 1))
/** What reads beside the money path: the sweep's lock, verify's snapshot, tariffs, probes. */
const READING_POOL_MAX = 4
/** Look-ups of keys, which no report keeps waiting, and beside them that keys are used. */
const KEY_POOL_MAX = 2
/** BullMQ's queries beside the clients that its workers listen on; about 8 is best (measured by the prototypes). */
const QUEUE_POOL_MAX = 13

export type Storage = Awaited<ReturnType<typeof openStorage>>

/** Opens the database, the money path and the queues' backend; what it opens is closed with the stack. */
export async function openStorage(
  config: Config,
  url: string,
  logger: Logger,
  { clock, meters }: { readonly clock: Clock; readonly meters: Meters },
  opened: AsyncDisposableStack,
) {
  const pools = new Map<string, pg.Pool>()
  const orm = await openOrm(url, 'tollkeeper', (ormPool) => {
    pools.set('orm', ormPool)
    watchPool(ormPool, logger)
  })
  opened.defer(() => orm.close(true))
  const pool = watched(openMoneyPool(url, READING_POOL_MAX), logger, opened)
  const time = timeOf(clock)
  if (clock === systemClock) await refuseClockSkew(pool, clock)
  else logger.warn("a clock is given: everything is decided by it, not by the database's")
  pools.set('reading', pool)
  const tariffs = new TariffCache()
  const moneyPool = watched(openMoneyPool(url, MONEY_LANES), logger, opened)
  pools.set('money', moneyPool)
  const notices = new JobNotices(pool, logger)
  opened.defer(() => notices.drain())
  const announce = (jobIds: readonly string[]): void => notices.announce(jobIds)
  const tell = (writes: Writes): void => countStored(meters, writes)
  const run = metered(moneyTransactions(moneyPool, tariffs, { announce, tell, time }), meters)
  const money = new Batcher(run, { lanes: MONEY_LANES })
  opened.defer(() => money.drain())
  const keys = new ApiKeyReader(watched(openKeyPool(url, KEY_POOL_MAX), logger, opened), time, logger)
  opened.defer(() => keys.drain())
  const rehearsals = new Rehearsals(pool, tariffs, time)
  const submits = new SubmitPath(watched(openSubmitPool(url, 2), logger, opened))
  const notifications = new Notifications(url, logger)
  opened.defer(() => notifications.close())
  await notifications.open()
  const backend = openBackend(config, url, logger, pools, opened)
  return {
    inTransaction: createInTransaction(orm),
    inTenantTransaction: createInTenantTransaction(orm),
    em: () => orm.em.fork(),
    pool,
    /** The time that managers and the sweep go by. */
    time: new DatabaseTime(time),
    clock,
    tariffs,
    money,
    rehearsals,
    submits,
    /** What cursors are signed with, in every process the same. */
    cursorSecret: await readSecret(pool, 'cursors'),
    work: new StageWorkReader(pool),
    keys,
    notifications,
    backend,
    /** Of this process, by what each is for. */
    pools: pools as ReadonlyMap<string, pg.Pool>,
  }
}

function openBackend(
  { redisUrl }: Config,
  url: string,
  logger: Logger,
  pools: Map<string, pg.Pool>,
  opened: AsyncDisposableStack,
): QueueBackend {
  if (redisUrl !== undefined) return createQueueBackend({ kind: 'redis', url: redisUrl, logger })
  const pool = watched(openQueuePool(url, QUEUE_POOL_MAX), logger, opened)
  pools.set('queue', pool)
  return createQueueBackend({ kind: 'postgres', pool, logger })
}

/** A watched pool, closed at the end. */
function watched(pool: pg.Pool, logger: Logger, opened: AsyncDisposableStack): pg.Pool {
  watchPool(pool, logger)
  opened.defer(() => pool.end())
  return pool
}
