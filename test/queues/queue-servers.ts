import pg from 'pg'
import { createLogger } from '../../src/foundation/logger.ts'
import { type BackendKind, createQueueBackend, type QueueBackend } from '../../src/queues/backends.ts'
import { hasRedis, startRedis } from '../support/redis.ts'
import { startQueuePostgres } from './queue-postgres.ts'

export const quiet = createLogger('silent')

/** A real server of one backend, for the one suite that both must pass. */
export interface QueueServer {
  readonly kind: BackendKind
  readonly url: string
  down(): Promise<void>
  up(): Promise<void>
  end(): Promise<void>
}

export const KINDS: readonly BackendKind[] = hasRedis() ? ['postgres', 'redis'] : ['postgres']

export async function startQueueServer(kind: BackendKind): Promise<QueueServer> {
  const server = kind === 'redis' ? await startRedis() : await startQueuePostgres()
  return { kind, ...server }
}

/** A backend as a process would open it; `close` also ends the pool, which belongs to the caller. */
export function openBackend({ kind, url }: Pick<QueueServer, 'kind' | 'url'>): QueueBackend {
  if (kind === 'redis') return createQueueBackend({ kind, url, logger: quiet })
  const pool = new pg.Pool({
    connectionString: url,
    options: '-c search_path=bullmq',
    max: 20,
    connectionTimeoutMillis: 2_000,
  })
  pool.on('error', () => {})
  const backend = createQueueBackend({ kind, pool, logger: quiet })
  let ended: Promise<void> | undefined
  return {
    ...backend,
    close() {
      ended ??= backend.close().then(() => pool.end())
      return ended
    },
  }
}
