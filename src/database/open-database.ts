import type { Config } from '../config/config.ts'
import type { Logger } from '../foundation/logger.ts'
import { acquireEmbedded } from './embedded/embedded.ts'
import { migrate, refusePendingMigrations } from './migrate.ts'

export interface OpenedDatabase {
  /** With its password. */
  readonly appUrl: string
  /** Whether it is ours, in the data folder. */
  readonly embedded: boolean
}

/** Finds or makes the database. Ours is migrated here; a given one is migrated by `tollkeeper migrate`, on purpose. */
export async function openDatabase(
  { databaseUrl, dataDir }: Config,
  migrateQueues: Parameters<typeof migrate>[1],
  logger: Logger,
  opened: AsyncDisposableStack,
): Promise<OpenedDatabase> {
  if (databaseUrl !== undefined) {
    await refusePendingMigrations(databaseUrl)
    return { appUrl: databaseUrl, embedded: false }
  }
  const embedded = await acquireEmbedded({ dataDir, logger })
  opened.defer(() => embedded.release())
  await migrate(embedded.ownerUrl, migrateQueues)
  return { appUrl: embedded.appUrl, embedded: true }
}
