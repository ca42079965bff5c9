import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { acquireEmbedded } from '../../src/database/embedded/embedded.ts'
import { migrate } from '../../src/database/migrate.ts'
import { createLogger } from '../../src/foundation/logger.ts'
import { migrateQueues } from '../../src/queues/migrate.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** One PostgreSQL for the whole run; its database `tollkeeper` is migrated and is only copied from. */
    postgres: { adminUrl: string; ownerUrl: string; appUrl: string }
  }
}

/** Starts one real PostgreSQL for the run. Each test file works on a copy of the migrated database of its own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = await mkdtemp(join(tmpdir(), 'tollkeeper-tests-'))
  // PostgreSQL's account must reach it when the tests run as root.
  await chmod(dataDir, 0o755)
  const logger = createLogger('warn')
  // Nothing here outlives the run, so what a power cut would lose need not be waited for.
  const settings = { fsync: 'off', max_connections: '400' }
  const postgres = await acquireEmbedded({ dataDir, logger, settings })
  await migrate(postgres.ownerUrl, migrateQueues)
  const { adminUrl, ownerUrl, appUrl } = postgres
  project.provide('postgres', { adminUrl, ownerUrl, appUrl })
  return async () => {
    await postgres.release()
    await rm(postgres.folder, { recursive: true, force: true })
    await rm(dataDir, { recursive: true, force: true })
  }
}
