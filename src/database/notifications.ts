import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { Logger } from '../foundation/logger.ts'
import { ImpatientClient } from './pool.ts'
import { watchClient } from './silence.ts'

/** How long a lost LISTEN connection waits before it is opened again, in milliseconds. */
const RECONNECT_MS = 500

type Channel = 'tollkeeper_wake' | 'tollkeeper_jobs' | 'tollkeeper_keys'
type Listener = (payload: string) => void

/**
 * Hears what the money transactions announce, and what is announced behind them. A notice is a hint that saves waiting,
 * never the only reason that something happens: every listener also looks for itself from time to time.
 */
export class Notifications {
  readonly #url: string
  readonly #logger: Logger
  readonly #listeners = new Map<Channel, Set<Listener>>()
  #client: pg.Client | undefined
  #closed = false

  constructor(url: string, logger: Logger) {
    this.#url = url
    this.#logger = logger
  }

  async open(): Promise<void> {
    const client = new ImpatientClient({
      connectionString: this.#url,
      application_name: 'tollkeeper notices',
      keepAlive: true,
    })
    client.on('notification', ({ channel, payload }) => {
      for (const listener of this.#listeners.get(channel as Channel) ?? []) listener(payload ?? '')
    })
    // What is asked meanwhile fails by itself; what matters of a loss is its end.
    client.on('error', (error) => this.#logger.debug({ reason: error.message }, 'the connection for notices fails'))
    try {
      await client.connect()
      // Who only listens cannot tell a quiet server from a connection that is gone.
      watchClient(client, this.#logger)
      await client.query('listen tollkeeper_wake; listen tollkeeper_jobs; listen tollkeeper_keys')
    } catch (error) {
      void client.end().catch(() => undefined)
      throw error
    }
    if (this.#closed) return client.end().catch(() => undefined)
    this.#client = client
    // Not before it is open: a failed try ends, too, and each would start a loop of its own.
    client.once('end', () => {
      if (this.#closed) return
      this.#logger.warn('the connection for notices was lost and is opened again')
      void this.#reopen()
    })
  }

  /** @returns a function that stops listening */
  on(channel: Channel, listener: Listener): () => void {
    const listeners = this.#listeners.get(channel) ?? new Set()
    this.#listeners.set(channel, listeners.add(listener))
    return () => listeners.delete(listener)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#listeners.clear()
    await this.#client?.end().catch(() => undefined)
  }

  async #reopen(): Promise<void> {
    while (!this.#closed) {
      await sleep(RECONNECT_MS, undefined, { ref: false })
      try {
        return await this.open()
      } catch (error) {
        this.#logger.debug({ reason: String(error) }, 'the connection for notices does not open yet')
      }
    }
  }
}
