import { Command } from 'commander'
import type { Config } from '../config/config.ts'
import { secretsOf } from '../config/secrets.ts'
import { acquireEmbedded } from '../database/embedded/embedded.ts'
import { migrate } from '../database/migrate.ts'
import { createLogger } from '../foundation/logger.ts'
import { migrateQueues } from '../queues/migrate.ts'
import { print, printJson, sessionOf } from './session.ts'

export function migrateCommand(): Command {
  return new Command('migrate')
    .description("Bring the database up to date: our tables, the queue's, and the application role's rights")
    .addHelpText('after', HELP)
    .action(async (_options: unknown, command: Command) => {
      const { json, config } = sessionOf(command)
      const migrations = await run(config)
      if (json) return printJson({ migrations })
      print(migrations.length === 0 ? 'The database is up to date.' : `Migrated: ${migrations.join(', ')}`)
    })
}

async function run(config: Config): Promise<readonly string[]> {
  if (config.databaseOwnerUrl !== undefined) return migrate(config.databaseOwnerUrl, migrateQueues)
  const embedded = await acquireEmbedded({
    dataDir: config.dataDir,
    logger: createLogger(config.logLevel, { secrets: secretsOf(config) }),
  })
  try {
    return await migrate(embedded.ownerUrl, migrateQueues)
  } finally {
    await embedded.release()
  }
}

const HELP = `
It is safe to run again, and by several processes at once. DATABASE_OWNER_URL names a role that may create schemas; the
processes that run need less (docs/operations.md). The embedded database is also migrated by whatever starts it.

Examples:
  tollkeeper migrate                                     the embedded database
  DATABASE_URL=postgresql://tollkeeper_app:...@db/tollkeeper \\
  DATABASE_OWNER_URL=postgresql://tollkeeper_owner:...@db/tollkeeper tollkeeper migrate`
