import { Redis } from 'ioredis'

/** Whoever counts a request in Redis holds that request up: longer than this he does not wait. */
const COMMAND_MAX_MS = 250
const SILENT_MAX_MS = 5_000
const RECONNECT_MAX_MS = 1_000

type Reply = boolean | number | string
/** Sends one command and returns what Redis says. Rejects at once while there is no connection. */
export type RedisCommand = (...command: string[]) => Promise<Reply | Reply[]>

/**
 * A connection of its own for short commands on which a caller waits, away from those of the queues. It is opened by the
 * first command, and opened again by itself.
 */
export function openRedisCommands(url: string): { readonly send: RedisCommand; close(): void } {
  const client = new Redis(url, {
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    commandTimeout: COMMAND_MAX_MS,
    connectTimeout: SILENT_MAX_MS,
    socketTimeout: SILENT_MAX_MS,
    retryStrategy: (attempt) => Math.min(attempt * 100, RECONNECT_MAX_MS),
  })
  // Each command says so itself; without a listener ioredis would print it.
  client.on('error', () => undefined)
  let opening: Promise<void> | undefined
  return {
    async send(...[name = '', ...rest]) {
      if (client.status === 'wait') opening ??= client.connect()
      await opening?.finally(() => {
        opening = undefined
      })
      return (await client.call(name, ...rest)) as Reply | Reply[]
    },
    close: () => client.disconnect(),
  }
}
