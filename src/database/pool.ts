import pg from 'pg'

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
 * A pool for the money path. A transaction that its process forgot, or that waits for a lock, ends after two seconds:
 * better an error that is tried again than an organisation that stands still.
 */
export function openMoneyPool(url: string, max: number): pg.Pool {
  return new pg.Pool({
    connectionString: url,
    max,
    application_name: 'tollkeeper money',
    Client: ImpatientClient,
    options: '-c search_path=tollkeeper -c idle_in_transaction_session_timeout=2000 -c lock_timeout=2000',
  })
}

/** The pool that BullMQ shares; its tables stand in the schema `bullmq`. Each worker keeps one client to LISTEN on. */
export function openQueuePool(url: string, max: number): pg.Pool {
  return new pg.Pool({
    connectionString: url,
    max,
    application_name: 'tollkeeper queue',
    keepAlive: true,
    Client: ImpatientClient,
    options: '-c search_path=bullmq -c idle_in_transaction_session_timeout=10000',
  })
}
