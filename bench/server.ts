import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { acquireEmbedded } from '../src/database/embedded/embedded.ts'
import { migrate } from '../src/database/migrate.ts'
import { invariant } from '../src/foundation/invariant.ts'
import { createLogger } from '../src/foundation/logger.ts'
import { migrateQueues } from '../src/queues/migrate.ts'

/** A PostgreSQL of a run's own, as durable as one in production, and away when the run ends. */
export interface BenchServer extends AsyncDisposable {
  /**
   * Makes a migrated database that nobody has used.
   * @param settings of the database, such as `synchronous_commit`
   */
  createDatabase(name: string, settings?: Readonly<Record<string, string>>): Promise<BenchDatabase>
}

export interface BenchDatabase {
  readonly appUrl: string
  readonly ownerUrl: string
}

/** @throws InvariantError where the server would not wait for its disk: such figures mean nothing */
export async function startServer(): Promise<BenchServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'tollkeeper-bench-'))
  // PostgreSQL's account must reach it when the benchmark runs as root.
  await chmod(dataDir, 0o755)
  const postgres = await acquireEmbedded({ dataDir, logger: createLogger('error') })
  const end = async (): Promise<void> => {
    await postgres.release()
    await rm(postgres.folder, { recursive: true, force: true })
    await rm(dataDir, { recursive: true, force: true })
  }
  const interrupted = (): void => void end().finally(() => process.exit(130))
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
  await migrate(postgres.ownerUrl, migrateQueues)
  const admin = new pg.Client({ connectionString: postgres.adminUrl })
  await admin.connect()
  await refuseForgetful(admin)
  await fillLog(admin)
  return {
    async createDatabase(name, settings = {}) {
      await admin.query(`create database ${name} template tollkeeper owner tollkeeper_owner`)
      for (const [setting, value] of Object.entries(settings)) {
        await admin.query(`alter database ${name} set ${setting} = '${value}'`)
      }
      const named = (url: string): string => Object.assign(new URL(url), { pathname: `/${name}` }).toString()
      return { appUrl: named(postgres.appUrl), ownerUrl: named(postgres.ownerUrl) }
    },
    async [Symbol.asyncDispose]() {
      process.off('SIGINT', interrupted).off('SIGTERM', interrupted)
      await admin.end()
      await end()
    },
  }
}

/** What a server has written within its checkpoints, so that it uses the segments of its log again and makes no new ones. */
const LOG_MB = 800

/** A new server makes and zeroes each segment of its log while it is measured; one that has worked for a while does not. */
async function fillLog(admin: pg.Client): Promise<void> {
  for (let mb = 0; mb < LOG_MB; mb += 16) {
    await admin.query(`select pg_logical_emit_message(false, '', repeat('x', 1024 * 1024)) from generate_series(1, 16)`)
  }
  await admin.query('checkpoint')
}

async function refuseForgetful(admin: pg.Client): Promise<void> {
  for (const setting of ['fsync', 'synchronous_commit', 'full_page_writes']) {
    const { rows } = await admin.query(`select current_setting($1) as value`, [setting])
    invariant(rows[0]?.value === 'on', `${setting} is on`)
  }
}
