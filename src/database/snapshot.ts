import { createHash } from 'node:crypto'
import pg from 'pg'
import type { Tariff } from '../pricing/tariff.ts'
import { CopyOut } from './copy-out.ts'
import { TariffCache } from './money/tariff-cache.ts'
import { asTenant, type Tenant } from './tenant.ts'

/** One consistent picture of the database. Reads may be asked for at once; they are answered one after another. */
export interface Snapshot {
  /** Rows as tuples in the order of their columns; bigint columns come as decimal strings. */
  read<Row extends readonly unknown[]>(text: string, values: readonly unknown[]): Promise<readonly Row[]>
  /**
   * Rows of a query without parameters, one by one as they come, however many; columns parted by tabs, in the text
   * format of COPY. @param take must not wait; what it throws ends the reading, and nothing more can be read
   */
  stream(query: string, take: (row: string) => void): Promise<void>
  /** Tariff versions as they are stored now: what a process remembers of them is not evidence. */
  tariffs(ids: Iterable<string>): Promise<ReadonlyMap<string, Tariff>>
}

/** Runs something on one snapshot. */
export type InSnapshot = <T>(work: (snapshot: Snapshot) => Promise<T>) => Promise<T>
/** Runs something on one snapshot of what a tenant may see. */
export type InTenantSnapshot = <T>(tenant: Tenant, work: (snapshot: Snapshot) => Promise<T>) => Promise<T>

// Every look-up is by key or in the order of an index: a plan that hashes or sorts a whole large table never pays here.
// A page may be worked on for longer than the money path's patience with idle transactions; nothing is locked by it.
const BEGIN = `begin isolation level repeatable read read only;
set local idle_in_transaction_session_timeout = '60s';
set local enable_seqscan = off; set local enable_hashjoin = off; set local enable_mergejoin = off; set local jit = off;
set local max_parallel_workers_per_gather = 0;
set local plan_cache_mode = force_generic_plan`

/** Opens a REPEATABLE READ transaction that only reads; it sees the database as it is at its first read. */
export function createInSnapshot(pool: pg.Pool): InSnapshot {
  return (work) => onSnapshot(pool, BEGIN, work)
}

/** The same as a tenant: whatever a query forgets to ask for, only the tenant's own rows are there. */
export function createInTenantSnapshot(pool: pg.Pool): InTenantSnapshot {
  return (tenant, work) => onSnapshot(pool, `${BEGIN};\n${asTenant(tenant)}`, work)
}

async function onSnapshot<T>(pool: pg.Pool, begin: string, work: (snapshot: Snapshot) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  let broken: Error | undefined
  const onError = (error: Error): void => {
    broken = error
  }
  client.on('error', onError)
  const tariffs = new TariffCache()
  let reading: Promise<unknown> = Promise.resolve()
  const inTurn = <R>(read: () => Promise<R>): Promise<R> => {
    const turn = reading.then(read)
    reading = turn.catch(() => undefined)
    return turn
  }
  try {
    await client.query(begin)
    return await work({
      read: <Row extends readonly unknown[]>(text: string, values: readonly unknown[]) =>
        inTurn(async () => {
          const { rows } = await client.query({ name: nameOf(text), text, values: [...values], rowMode: 'array' })
          return rows as unknown as readonly Row[]
        }),
      stream: (query, take) =>
        inTurn(async () => {
          try {
            await client.query(new CopyOut(`copy (${query}) to stdout`, take)).done
          } catch (error) {
            broken = error instanceof Error ? error : new Error(String(error))
            throw error
          }
        }),
      tariffs: (ids) => inTurn(() => tariffs.load(client, ids)),
    })
  } finally {
    await reading
    // In mid-stream only the end of the connection stops the server: a rollback would wait for all that is to come.
    if (!broken) {
      await client.query('rollback').catch((error: Error) => {
        broken = error
      })
    }
    client.off('error', onError)
    client.release(broken)
  }
}

/** A text as it stands in a query without parameters. */
export const literal = (text: string): string => pg.escapeLiteral(text)

/** Planning a look-up of hundreds of keys takes as long as doing it: each statement is prepared once per connection. */
function nameOf(text: string): string {
  return `snapshot_${createHash('sha1').update(text).digest('base64url')}`
}
