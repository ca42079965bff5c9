import pg from 'pg'
import { gatheringSocket } from '../foundation/gathered-writes.ts'
import { MONEY_ROLE } from './roles.ts'

/** A server that accepts and then says nothing is given up after this time. */
const CONNECT_MAX_MS = 5_000

/**
 * A client that gives up connecting. As an option of the pool the same limit would also end the wait for a free client,
 * and a burst of work would fail that only has to wait.
 */
export class ImpatientClient extends pg.Client {
  constructor(config: pg.ClientConfig = {}) {
    // A pool hides the password from being copied.
    super({ ...config, password: config.password, connectionTimeoutMillis: CONNECT_MAX_MS })
  }
}

/**
 * A transaction that its process forgot, or that waits for a lock, ends after two seconds: better an error that is tried
 * again than an organisation that stands still. Every row is found by its key: a plan that hashes or scans is right while a
 * table is small and ruinous later, and a plan made anew for each batch costs as much as the batch.
 */
const BATCH_SETTINGS = {
  search_path: 'tollkeeper',
  idle_in_transaction_session_timeout: 2_000,
  lock_timeout: 2_000,
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  enable_seqscan: 'off',
  jit: 'off',
  plan_cache_mode: 'force_generic_plan',
} as const

/**
 * Says to the triggers that whoever writes here sets the stamps himself. What it may do is less than what the application
 * may, but for the ledger, which only it writes.
 */
const MONEY_SETTINGS = { ...BATCH_SETTINGS, role: MONEY_ROLE, 'tollkeeper.money_path': 'on' } as const

/** A pool for the money path, whose connections take several statements at once. */
export function openMoneyPool(url: string, max: number): pg.Pool {
  return openBatchPool(url, max, 'tollkeeper money', MONEY_SETTINGS)
}

/** The same for storing new jobs, which moves no money. */
export function openSubmitPool(url: string, max: number): pg.Pool {
  return openBatchPool(url, max, 'tollkeeper submit', BATCH_SETTINGS)
}

/** The same for looking up keys, beside which no report may wait. */
export function openKeyPool(url: string, max: number): pg.Pool {
  return openBatchPool(url, max, 'tollkeeper keys', BATCH_SETTINGS)
}

function openBatchPool(url: string, max: number, name: string, settings: Readonly<Record<string, unknown>>): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max,
    application_name: name,
    Client: ImpatientClient,
    pipeline: true,
    stream: gatheringSocket,
    options: Object.entries(settings)
      .map(([setting, value]) => `-c ${setting}=${value}`)
      .join(' '),
  })
  // A client that is given back as broken has no listener any more; its server's last word would end this process.
  pool.on('connect', (client) => client.on('error', () => undefined))
  return pool
}

/** The pool that BullMQ shares; its tables stand in the schema `bullmq`. Each worker keeps one client to LISTEN on. */
export function openQueuePool(url: string, max: number): pg.Pool {
  return new pg.Pool({
    connectionString: url,
    max,
    application_name: 'tollkeeper queue',
    keepAlive: true,
    Client: ImpatientClient,
    options: '-c search_path=bullmq -c enable_seqscan=off -c idle_in_transaction_session_timeout=10000',
  })
}
