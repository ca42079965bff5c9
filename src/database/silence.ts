import type { Socket } from 'node:net'
import type pg from 'pg'
import type { Logger } from '../foundation/logger.ts'

/**
 * A half-open connection never fails by itself: its other end is gone, nobody said so, and whoever asked on it waits for
 * ever. The kernel gives up after a quarter of an hour; work must go on in less than half a minute.
 */
const LOOK_MS = 1_000
/** An answer, or a part of it, comes within this time; no statement of ours computes for so long without a row. */
const ANSWER_MAX_MS = 10_000
/** A connection that nobody asks anything is asked after this time: who only listens would never notice otherwise. */
const PROBE_AFTER_MS = 8_000
/** Owing for longer than a lock may be waited for; ended together with the first that owes for too long. */
const SUSPECT_LOOKS = 3

/** What we read of a client beyond its declared interface; pg has kept both since its first versions. */
interface Wire {
  readonly readyForQuery: boolean
  readonly connection: { readonly stream: Socket }
}

interface Watched {
  readonly client: pg.ClientBase
  readonly wire: Wire
  bytesRead: number
  /** Looks without a byte while an answer is owed; looks, not time: a process that was stopped heard nothing either. */
  owing: number
  /** Looks without a byte while nothing is asked. */
  resting: number
}

/**
 * Watches every connection of a pool, and ends those that owe an answer for too long: their queries fail as with any
 * lost connection, and are tried again on a new one. Where one has fallen silent its silent siblings are ended, too, since
 * each of them would cost the same wait. An idle connection may die without taking the process with it.
 */
export function watchPool(pool: pg.Pool, logger: Logger): void {
  pool.on('error', (error) => logger.warn({ reason: error.message }, 'an idle database connection was lost'))
  const watch = createWatch(logger)
  pool.on('connect', watch.add)
  pool.on('remove', watch.remove)
}

/** Watches one connection until it ends. */
export function watchClient(client: pg.Client, logger: Logger): void {
  const watch = createWatch(logger)
  watch.add(client)
  client.once('end', () => watch.remove(client))
}

function createWatch(logger: Logger) {
  const watched = new Map<pg.ClientBase, Watched>()
  let timer: NodeJS.Timeout | undefined
  const look = (): void => {
    for (const each of watched.values()) listen(each)
    if ([...watched.values()].some(({ owing }) => owing * LOOK_MS >= ANSWER_MAX_MS)) endSilent()
  }
  const endSilent = (): void => {
    const silent = [...watched.values()].filter(({ owing, resting }) => owing > SUSPECT_LOOKS || resting > 0)
    logger.warn({ connections: silent.length }, 'database connections fell silent; they are opened again')
    for (const { client, wire } of silent) {
      watched.delete(client)
      wire.connection.stream.destroy(Object.assign(new Error('the database fell silent'), { code: 'ETIMEDOUT' }))
    }
  }
  return {
    add: (client: pg.ClientBase): void => {
      const wire = client as unknown as Wire
      watched.set(client, { client, wire, bytesRead: wire.connection.stream.bytesRead, owing: 0, resting: 0 })
      timer ??= setInterval(look, LOOK_MS).unref()
    },
    remove: (client: pg.ClientBase): void => {
      watched.delete(client)
      if (watched.size > 0) return
      clearInterval(timer)
      timer = undefined
    },
  }
}

/** Notes what was heard since the last look, and asks a connection that was not asked anything for long. */
function listen(each: Watched): void {
  const { bytesRead } = each.wire.connection.stream
  const heard = bytesRead !== each.bytesRead
  const idle = each.wire.readyForQuery
  each.bytesRead = bytesRead
  each.owing = heard || idle ? 0 : each.owing + 1
  each.resting = heard || !idle ? 0 : each.resting + 1
  if (each.resting * LOOK_MS < PROBE_AFTER_MS) return
  each.resting = 0
  // Its answer is heard, or its silence; an error says no more than that.
  each.client.query('select 1').catch(() => undefined)
}
