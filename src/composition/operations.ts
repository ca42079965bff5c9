import { setMaxListeners } from 'node:events'
import type { createMetrics } from '../admin/metrics/metrics.ts'
import type { Config } from '../config/config.ts'
import { pendingMigrations } from '../database/migrate.ts'
import { openRedisCommands, type RedisCommand } from '../queues/redis-commands.ts'
import type { Managers } from './managers.ts'
import type { Storage } from './storage.ts'

/** The workers of this process, as far as operators care. */
interface Crew extends AsyncDisposable {
  running(): boolean
}

/** How a process tells how it does, and that it goes down. */
export interface Operations {
  readonly metrics: ReturnType<typeof createMetrics>
  readonly sharedCounts: RedisCommand | null
  /** What readiness asks; each rejects while that part does not do what it should. */
  readonly probes: Record<'database' | 'queue' | 'migrations' | 'workers', () => Promise<void>>
  /** Aborted by `beginStop`; streams that have no end of their own end then. */
  readonly stopping: AbortSignal
  /** Says that this process goes down, and nothing else: readiness and streams hear of it. */
  beginStop(): void
  /** Takes no more work, and lets what runs finish for the grace; before `close`, while the API still answers. */
  stopWorkers(): Promise<void>
  watchWorkers<Started extends Crew>(started: Started): Started
}

/** Makes them of what the process stands on. */
export function openOperations(
  config: Config,
  metrics: ReturnType<typeof createMetrics>,
  { pool, pools }: Storage,
  { queues, figures }: Managers,
  opened: AsyncDisposableStack,
): Operations {
  metrics.readFrom({ figures, queues, pools })
  const stopping = new AbortController()
  // As many streams as there are may wait for it.
  setMaxListeners(0, stopping.signal)
  let workers: Crew | undefined
  return {
    metrics,
    sharedCounts: openSharedCounts(config, opened),
    probes: {
      database: async () => void (await pool.query('select 1')),
      queue: () => queues.ping(),
      migrations: async () => {
        const pending = await pendingMigrations(pool)
        if (pending.length > 0) throw new Error(`${pending.length} migrations have not run`)
      },
      workers: async () => {
        if (workers && !workers.running()) throw new Error('the workers of this process do not run')
      },
    },
    stopping: stopping.signal,
    beginStop: () => stopping.abort(),
    stopWorkers: async () => void (await workers?.[Symbol.asyncDispose]()),
    watchWorkers<Started extends Crew>(started: Started): Started {
      workers = started
      return started
    },
  }
}

/** Where requests are counted for all processes of the API; opened by the first request. */
function openSharedCounts({ redisUrl, rateLimitPerMinute }: Config, opened: AsyncDisposableStack): RedisCommand | null {
  if (redisUrl === undefined || rateLimitPerMinute === 0) return null
  const { send, close } = openRedisCommands(redisUrl)
  opened.defer(close)
  return send
}
