import { createAdminApp } from './admin/app.ts'
import { type AdminServer, startAdminServer } from './admin/server.ts'
import { createWorkerApp } from './admin/worker-app.ts'
import { compose, type Tollkeeper } from './composition.ts'
import type { Config } from './config/config.ts'

/** A process that runs in its role, and how to stop it. */
export interface Service {
  /** Where the API listens; null for a process that only works. */
  readonly url: string | null
  readonly tollkeeper: Tollkeeper
  /** Takes no more requests and work, lets what runs finish for the grace, closes everything in reverse. Once. */
  stop(): Promise<void>
}

/** Starts one process in its role: the API, the workers, or both. @throws ConfigurationError */
export async function startService(config: Config): Promise<Service> {
  const tollkeeper = await compose({ config })
  let door: AdminServer | undefined
  let stopping: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    tollkeeper.beginStop()
    // Streams have no end of their own that the door could wait for; who follows one goes on with another process.
    tollkeeper.jobEvents.close()
    try {
      await Promise.all([door?.close(config.shutdownGraceMs), tollkeeper.stopWorkers()])
    } finally {
      await tollkeeper.close()
    }
  }
  try {
    if (config.role !== 'api') await tollkeeper.startWorkers()
    if (config.role !== 'worker') door = await startAdminServer(createAdminApp(tollkeeper), config)
    else if (config.workerPort !== null) door = await startAdminServer(createWorkerApp(tollkeeper), config)
    if (door && config.adminApiKey === undefined) {
      tollkeeper.logger.warn('no ADMIN_API_KEY is set: the server is open, for this machine only')
    }
    if (door && config.role === 'worker') tollkeeper.logger.info({ url: door.url }, 'health and metrics are told here')
  } catch (error) {
    await stop()
    throw error
  }
  return {
    url: config.role === 'worker' ? null : (door?.url ?? null),
    tollkeeper,
    stop: () => {
      stopping ??= stop()
      return stopping
    },
  }
}

/** Resolves at the first SIGINT or SIGTERM; repeats, which a launcher may send, are heard and change nothing. */
export function untilStopped(): Promise<NodeJS.Signals> {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve(signal))
  return promise
}
