import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'

const NAME = 'tollkeeper presence'
const RECONNECT_MS = 1_000
/** Our own presence, closed a moment ago, may still show for this long. */
const FAREWELL_MS = 200
/** A closed pool's backends are gone from pg_stat_activity within milliseconds; a busy machine may need longer. */
const SETTLE_MS = 2_000

/** The two methods are there; only their types are missing. */
type RefClient = Client & { ref(): void; unref(): void }

/**
 * A connection that does nothing but show in pg_stat_activity that somebody uses the server, also while their pools are
 * idle. The kernel ends it with its process, so that it cannot lie after a kill; it comes back after a server's restart.
 */
export class Presence {
  readonly #url: string
  #client: RefClient | undefined
  #closed = false

  constructor(url: string) {
    this.#url = url
  }

  async open(): Promise<void> {
    const client = await connect(this.#url)
    if (this.#closed) return client.end()
    client.once('end', () => void this.#reopen())
    this.#client = client
    // Being present must not keep a process alive that has nothing else to do.
    client.unref()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#client?.ref()
    await this.#client?.end().catch(() => undefined)
  }

  async #reopen(): Promise<void> {
    while (!this.#closed) {
      await sleep(RECONNECT_MS, undefined, { ref: false })
      if (this.#closed) return
      try {
        await this.open()
        return
      } catch {
        // The server is down; it may come back, and until then nobody can be present.
      }
    }
  }
}

/** A plain connection as `url` says; its loss never throws out of nowhere. */
export async function connect(url: string): Promise<RefClient> {
  const client = new Client({
    connectionString: url,
    application_name: NAME,
    ssl: false,
    connectionTimeoutMillis: 10_000,
  })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return client as RefClient
  } catch (error) {
    await client.end().catch(() => undefined)
    throw error
  }
}

/**
 * Whether anybody else is connected. A presence answers at once; other connections get a moment to finish closing,
 * since they may be the caller's own pool.
 */
export async function othersConnected(url: string): Promise<boolean> {
  const client = await connect(url)
  try {
    for (const start = Date.now(); ; await sleep(25)) {
      const { rows } = await client.query<{ others: number; present: number }>(
        `SELECT count(*)::int AS others, count(*) FILTER (WHERE application_name = $1)::int AS present
           FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`,
        [NAME],
      )
      const { others = 0, present = 0 } = rows[0] ?? {}
      if (others === 0) return false
      if (Date.now() - start > (present > 0 ? FAREWELL_MS : SETTLE_MS)) return true
    }
  } finally {
    await client.end()
  }
}
