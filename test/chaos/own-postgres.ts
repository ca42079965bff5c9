import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { acquireEmbedded } from '../../src/database/embedded/embedded.ts'
import { migrate } from '../../src/database/migrate.ts'
import { createLogger } from '../../src/foundation/logger.ts'
import { migrateQueues } from '../../src/queues/migrate.ts'
import type { TestDatabase } from '../support/postgres.ts'

/** A PostgreSQL of one case's own, which may die without hurting the others. */
export interface OwnPostgres extends TestDatabase {
  /** As a crash: no checkpoint, no farewell to anybody. */
  down(): Promise<void>
  up(): Promise<void>
}

export async function startOwnPostgres(): Promise<OwnPostgres> {
  const dataDir = await mkdtemp(join(tmpdir(), 'tollkeeper-chaos-'))
  // PostgreSQL's account must reach it when the cases run as root.
  await chmod(dataDir, 0o755)
  const settings = { fsync: 'off' }
  const postgres = await acquireEmbedded({ dataDir, logger: createLogger('silent'), settings })
  await migrate(postgres.ownerUrl, migrateQueues)
  const data = join(postgres.folder, 'data')
  const pool = new pg.Pool({ connectionString: postgres.ownerUrl, max: 2 })
  pool.on('error', () => undefined)
  return {
    appUrl: postgres.appUrl,
    ownerUrl: postgres.ownerUrl,
    query: async (sql, values = []) => (await pool.query(sql, [...values])).rows,
    async cutConnections(applicationName) {
      await pool.query('select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1', [
        applicationName,
      ])
    },
    down: () => pgCtl(data, ['stop', '-m', 'immediate']),
    up: () => pgCtl(data, ['start', '-l', join(postgres.folder, 'server.log')]),
    async drop() {
      await pool.end()
      await postgres.release()
      await rm(postgres.folder, { recursive: true, force: true })
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** Runs the server's own pg_ctl, as the account that owns the data. */
async function pgCtl(data: string, args: readonly string[]): Promise<void> {
  const [server = ''] = (await readFile(join(data, 'postmaster.opts'), 'utf8')).split(' ')
  const { uid, gid } = await stat(data)
  const account = process.getuid?.() === 0 ? { uid, gid } : {}
  const command = join(dirname(server), 'pg_ctl')
  const child = spawn(command, ['-D', data, '-w', ...args], { ...account, cwd: data, stdio: 'ignore' })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`pg_ctl ${args[0]} ended with ${code}`)
}
