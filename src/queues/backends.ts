import { type EventEmitter, once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import type {
  BackendFactory,
  ConnectionOptions,
  IQueueBackend,
  PostgresConnectionOptions,
  Processor,
  RedisQueueBackend,
  WorkerOptions,
} from 'bullmq'
import { createPostgresBackend, createRedisBackend, FlowProducer, Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import type { Pool } from 'pg'
import { gatherWrites } from '../foundation/gathered-writes.ts'
import type { Logger } from '../foundation/logger.ts'
import { outageLog, QUEUE_TIMEOUT_MS } from './outage.ts'

/**
 * All that differs between the two places where queue jobs may live. What is not in this table behaves alike; the same
 * test suite runs on both.
 */
export const BACKENDS = {
  postgres: {
    title: 'PostgreSQL',
    /** State look-ups sent at once: each needs a connection of the shared pool, and money comes first. */
    lookupsAtOnce: 4,
    /**
     * Up to so many queue jobs travel as a list of flows: one commit for all queues. BullMQ's bulk adds to one queue and
     * makes temporary tables: 2.6 ms for 5 queue jobs instead of 1.1; with 30 they are even, and beyond it scales.
     */
    addsAsFlows: 30,
    /** A bulk of 500 costs 40 µs per queue job, one of 50 costs 110: in a rush of new jobs it pays to wait for company. */
    rushPauseMs: 50,
    /** BullMQ borrows one client of the pool for as long as a worker lives, to LISTEN. */
    poolClientsPerWorker: 1,
    /** Lock times come from the worker's clock, so a wrong clock is refused at start. */
    locksByWorkerClock: true,
  },
  redis: {
    title: 'Redis',
    /** They travel in one pipeline. */
    lookupsAtOnce: 500,
    /** A list of flows would not say which of them a full Redis refused. */
    addsAsFlows: 0,
    rushPauseMs: 0,
    poolClientsPerWorker: 0,
    locksByWorkerClock: false,
  },
} as const satisfies Record<string, BackendProfile>

export interface BackendProfile {
  readonly title: string
  readonly lookupsAtOnce: number
  readonly addsAsFlows: number
  readonly rushPauseMs: number
  readonly poolClientsPerWorker: number
  readonly locksByWorkerClock: boolean
}

export type BackendKind = keyof typeof BACKENDS

/**
 * Where queue jobs live. The pool's `search_path` is `bullmq`; the pool, its 'error' events and its end belong to the
 * caller, and it needs one client per worker besides those for queries.
 */
export type BackendOptions =
  | { readonly kind: 'postgres'; readonly pool: Pool; readonly logger: Logger }
  | { readonly kind: 'redis'; readonly url: string; readonly logger: Logger }

/** Makes BullMQ's objects on one backend, over shared connections, and closes them. */
export interface QueueBackend {
  readonly kind: BackendKind
  newQueue(name: string): Queue
  newFlowProducer(): FlowProducer
  newWorker(name: string, processor: Processor, options: Omit<WorkerOptions, 'connection'>): Worker
  /** Resolves when commands can be sent; rejects when the server is not there within `timeoutMs`. */
  reachable(timeoutMs: number): Promise<void>
  /** One round trip to the server. */
  ping(): Promise<void>
  /** Gives up the connections that a worker still holds after its grace. */
  abandonWorker(worker: Worker): Promise<void>
  /** Closes workers by force (close them gracefully before), then producers, then connections. Again is harmless. */
  close(): Promise<void>
}

/** After a failed fetch a worker of BullMQ asks again at once, for as long as the server boots or is full. */
const PAUSE_AFTER_ERROR_MS = 250
/** Finished and other events are kept for nobody: we wait for rows, never for queue events (design §12). */
const EVENTS_KEPT = 1_000

interface Connections {
  readonly factory: BackendFactory<RedisQueueBackend>
  readonly producer: ConnectionOptions
  readonly worker: ConnectionOptions
  reachable(timeoutMs: number): Promise<void>
  ping(): Promise<void>
  abandonWorker(worker: Worker): Promise<void>
  close(): Promise<void>
}

export function createQueueBackend(options: BackendOptions): QueueBackend {
  const connections = options.kind === 'postgres' ? onPostgres(options.pool) : onRedis(options.url, options.logger)
  const { factory, producer, worker: consumer } = connections
  const workers = new Set<Worker>()
  const producers: { close(): Promise<void> }[] = []
  let closing: Promise<void> | undefined
  const closeAll = async () => {
    await Promise.allSettled([...workers].map((each) => each.close(true)))
    await Promise.allSettled(producers.map((each) => each.close()))
    await connections.close()
  }
  const watched = <T extends EventEmitter>(source: string, emitter: T): T =>
    emitter.on('error', outageLog(options.logger, source))
  return {
    kind: options.kind,
    newQueue(name) {
      const streams = { events: { maxLen: EVENTS_KEPT } }
      const queue = new Queue(name, { connection: producer, skipVersionCheck: true, streams }, factory)
      producers.push(queue)
      return watched(name, queue)
    },
    newFlowProducer() {
      const flows = new FlowProducer({ connection: producer, skipVersionCheck: true }, factory)
      producers.push(flows)
      return watched('flows', flows)
    },
    newWorker(name, processor, workerOptions) {
      const made = new Worker(name, processor, { ...workerOptions, connection: consumer }, factory)
      workers.add(made)
      return watched(`${name} worker`, made)
    },
    reachable: connections.reachable,
    ping: connections.ping,
    async abandonWorker(worker) {
      workers.delete(worker)
      // Its close waits for a run that may never end; without this its lock timer would keep the process alive.
      await Reflect.get(worker, 'lockManager').close()
      await connections.abandonWorker(worker)
    },
    close() {
      closing ??= closeAll()
      return closing
    },
  }
}

function onPostgres(pool: Pool): Connections {
  // BullMQ checks clients out without listening to them; a server that dies in that moment would end this process. What
  // was asked on such a client fails by itself, and the pool reports idle clients to its owner.
  pool.on('connect', (client) => client.on('error', () => {}))
  const factory: BackendFactory<IQueueBackend, PostgresConnectionOptions> = (name, opts, more) => {
    // Each of BullMQ's objects listens to the shared pool's errors and never stops.
    pool.setMaxListeners(pool.getMaxListeners() + 1)
    const backend = createPostgresBackend(name, opts, more)
    const connection = Reflect.get(backend, 'connection')
    forgetFailedStart(connection)
    borrowNothingAfterClose(connection)
    forgetFailedStart(backend)
    return patient(backend)
  }
  return {
    // One type for both backends: what differs is only reached through Queue#getBackend, which we do not call.
    factory: factory as unknown as BackendFactory<RedisQueueBackend>,
    producer: pool as unknown as ConnectionOptions,
    worker: pool as unknown as ConnectionOptions,
    reachable: async () => {},
    ping: async () => {
      await pool.query('SELECT 1')
    },
    // The borrowed LISTEN client goes back; otherwise the pool's end would wait for it for ever.
    abandonWorker: (worker) => worker.disconnect(),
    close: async () => {},
  }
}

/** BullMQ remembers a failed first contact and then fails for ever; this makes it try again. */
function forgetFailedStart(target: { waitUntilReady(): Promise<void> }): void {
  const start = target.waitUntilReady.bind(target)
  target.waitUntilReady = async () => {
    try {
      await start()
    } catch (error) {
      Reflect.set(target, 'readyPromise', undefined)
      throw error
    }
  }
}

/** A worker that is closed while it starts would then borrow its LISTEN client, and the pool's end wait for it for ever. */
function borrowNothingAfterClose(target: { isClosing: unknown; getListenClient(): Promise<unknown> }): void {
  const borrow = target.getListenClient.bind(target)
  target.getListenClient = async () => {
    if (target.isClosing) throw new Error('this worker is closed and listens no more')
    return await borrow()
  }
}

/** A worker that cannot fetch waits a little before it asks again. */
function patient<B extends IQueueBackend>(backend: B): B {
  const fetch = backend.moveToActive.bind(backend)
  backend.moveToActive = async (token, name) => {
    try {
      return await fetch(token, name)
    } catch (error) {
      await pause(PAUSE_AFTER_ERROR_MS)
      throw error
    }
  }
  return backend
}

/** A silent socket is given up after this time, shorter for producers, on whom a caller waits. */
const PRODUCER_SOCKET_TIMEOUT_MS = 5_000
const WORKER_SOCKET_TIMEOUT_MS = 15_000
const RECONNECT_MAX_MS = 1_000

function onRedis(url: string, logger: Logger): Connections {
  const retryStrategy = (attempt: number) => Math.min(attempt * 100, RECONNECT_MAX_MS)
  // Producers fail fast: what is not sent now is sent by the sweep, and an offline queue would grow for hours.
  const producer = new Redis(url, {
    maxRetriesPerRequest: 1,
    enableOfflineQueue: false,
    socketTimeout: PRODUCER_SOCKET_TIMEOUT_MS,
    retryStrategy,
  })
  // Workers wait: a finished stage's completion is sent when Redis is back.
  const worker = new Redis(url, { maxRetriesPerRequest: null, socketTimeout: WORKER_SOCKET_TIMEOUT_MS, retryStrategy })
  // A copy only blocks; BullMQ watches it, and its socket timer would outlive the close by 15 s.
  worker.duplicate = (override) => Redis.prototype.duplicate.call(worker, { ...override, socketTimeout: undefined })
  const clients = [producer, worker]
  for (const client of clients) {
    client.setMaxListeners(100)
    client.on('error', outageLog(logger, 'redis'))
    client.on('connect', () => gatherWrites(client.stream))
  }
  const factory: BackendFactory<RedisQueueBackend> = (name, opts, more) => patient(createRedisBackend(name, opts, more))
  return {
    factory,
    producer,
    worker,
    async reachable(timeoutMs) {
      if (producer.status === 'ready') return
      await once(producer, 'ready', { signal: AbortSignal.timeout(timeoutMs) })
    },
    async ping() {
      await producer.ping()
    },
    // Its own blocking connection was cut when it began to close; the shared one is closed below.
    abandonWorker: async () => {},
    close: async () => {
      await Promise.all(clients.map(endRedis))
    },
  }
}

/** Says goodbye if Redis listens, and hangs up in any case. */
async function endRedis(client: Redis): Promise<void> {
  if (client.status === 'ready') {
    await Promise.race([client.quit().catch(() => undefined), pause(QUEUE_TIMEOUT_MS, undefined, { ref: false })])
  }
  client.disconnect()
}
