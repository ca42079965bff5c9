import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Logger } from '../foundation/logger.ts'

/** How long a lost LISTEN connection waits before it is opened again, in milliseconds. */
const RECONNECT_MS = 500

type Channel = 'tollkeeper_wake' | 'tollkeeper_jobs'
type Listener = (payload: string) => void

/**
 * Hears what the money transactions announce. A notice is a hint that saves waiting, never the only reason that
 * something happens: every listener also looks for itself from time to time.
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
    const client = new pg.Client({
      connectionString: this.#url,
      application_name: 'tollkeeper notices',
      keepAlive: true,
    })
    client.on('notification', ({ channel, payload }) => {
      for (const listener of this.#listeners.get(channel as Channel) ?? []) listener(payload ?? '')
    })
    let lost = false
    const onLoss = (error?: Error): void => {
      if (lost || this.#closed) return
      lost = true
      this.#logger.warn({ reason: error?.message }, 'the connection for notices was lost and is opened again')
      void this.#reopen(client)
    }
    client.on('error', onLoss)
    client.on('end', () => onLoss())
    await client.connect()
    await client.query('listen tollkeeper_wake; listen tollkeeper_jobs')
    this.#client = client
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

  async #reopen(lost: pg.Client): Promise<void> {
    await lost.end().catch(() => undefined)
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
