import { randomBytes } from 'node:crypto'
import { appendFile, chmod, chown, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ConfigurationError, UnavailableError } from '../../foundation/errors.ts'
import { clearStalePidFile, findPostmaster, type Postmaster } from './postmaster.ts'
import { type Finished, runBinary } from './run-binary.ts'
import type { ServerUser } from './server-user.ts'

/** One database cluster on disk and the programs that run it. */
export interface Cluster {
  /** Folder of `data` and `server.log`; belongs to the server's account. */
  readonly folder: string
  /** Folder of PostgreSQL's `bin`, `lib`, `share`. */
  readonly native: string
  readonly user: ServerUser | undefined
}

export const ADMIN_ROLE = 'postgres'
const MAJOR = '18'
/** A start after a crash replays up to a `max_wal_size` of log; a slow disk does that in well under this. */
const START_SECONDS = 90
const STOP_SECONDS = 60
/** After a kill the old port is worth a wait: the pools of other processes reconnect to it and to no other. */
const PORT_PATIENCE_MS = 1_500
const LOG_BYTES_MAX = 8 * 1024 * 1024

/** For a small machine that runs everything: several processes with a pool each, no compiler threads per query. */
const DEFAULT_SETTINGS: Readonly<Record<string, string>> = {
  max_connections: '200',
  shared_buffers: '128MB',
  fsync: 'on',
  synchronous_commit: 'on',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
}

function dataOf(cluster: Cluster): string {
  return join(cluster.folder, 'data')
}

/**
 * Makes the cluster unless it is there. A crash half-way leaves a draft that the next call removes, never half a
 * cluster. @returns whether it was made now
 * @throws ConfigurationError when one of another major version is there, or initdb does not run
 */
export async function initialize(cluster: Cluster, adminPassword: string): Promise<boolean> {
  refuseShellText(cluster)
  const data = dataOf(cluster)
  const version = (await readFile(join(data, 'PG_VERSION'), 'utf8').catch(() => '')).trim()
  if (version === MAJOR) return false
  if (version !== '') {
    throw new ConfigurationError(
      `${data} is a PostgreSQL ${version} cluster and we run ${MAJOR}: dump and restore it, or set another DATA_DIR`,
    )
  }
  for (const name of await readdir(cluster.folder)) {
    if (name.startsWith('draft-')) await rm(join(cluster.folder, name), { recursive: true, force: true })
  }
  const draft = join(cluster.folder, `draft-${randomBytes(6).toString('hex')}`)
  const passwordFile = `${draft}.password`
  try {
    await writeFor(cluster, passwordFile, `${adminPassword}\n`)
    const args = ['-D', draft, '-U', ADMIN_ROLE, `--pwfile=${passwordFile}`, '--auth=scram-sha-256', '-E', 'UTF8']
    args.push('--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C', '--no-sync', '--no-instructions')
    const { code, output } = await run(cluster, 'initdb', args)
    if (code !== 0) throw new ConfigurationError(`PostgreSQL cannot make a cluster in ${cluster.folder}: ${output}`)
    await appendFile(join(draft, 'postgresql.conf'), "\ninclude = 'tollkeeper.conf'\n")
    await rename(draft, data)
  } finally {
    await rm(passwordFile, { force: true })
    await rm(draft, { recursive: true, force: true })
  }
  return true
}

/**
 * Starts the server, or finds the one that lives and waits until it is ready. Recovery after a kill is part of a start.
 * @param preferredPort taken when it is free, so that a URL stays good over restarts
 * @throws UnavailableError with the end of the server's log when it does not come up
 */
export async function ensureStarted(
  cluster: Cluster,
  preferredPort: number | null,
  settings: Readonly<Record<string, string>>,
): Promise<{ port: number; startedNow: boolean }> {
  const data = dataOf(cluster)
  const deadline = Date.now() + START_SECONDS * 1_000
  const portDeadline = Date.now() + PORT_PATIENCE_MS
  let startedNow = false
  let pauseMs = 50
  while (Date.now() < deadline) {
    const found = await findPostmaster(data)
    if (found?.ready) return { port: found.port, startedNow }
    if (found === undefined) {
      await clearStalePidFile(data)
      const port = await freePort(preferredPort, portDeadline)
      await writeFor(cluster, join(data, 'tollkeeper.conf'), configuration(port, settings))
      await turnLog(cluster)
      const args = ['start', '-D', data, '-l', join(cluster.folder, 'server.log'), '-w', '-t', String(START_SECONDS)]
      startedNow = (await run(cluster, 'pg_ctl', args)).code === 0
      if (startedNow) continue
      // Somebody took the port in between, or backends of a killed server are still leaving: try again.
    }
    await sleep(pauseMs)
    pauseMs = Math.min(pauseMs * 2, 5_000)
  }
  throw new UnavailableError(
    `PostgreSQL in ${cluster.folder} does not come up; the end of its server.log says:\n${await logEnd(cluster)}`,
  )
}

/** Ends the server's sessions and stops it, with everything on disk; nothing when it does not run. */
export async function stop(cluster: Cluster): Promise<void> {
  const data = dataOf(cluster)
  const before: Postmaster | undefined = await findPostmaster(data)
  if (before === undefined) return
  const { output } = await run(cluster, 'pg_ctl', ['stop', '-D', data, '-m', 'fast', '-w', '-t', String(STOP_SECONDS)])
  if ((await findPostmaster(data))?.pid === before.pid) {
    throw new UnavailableError(`PostgreSQL in ${cluster.folder} does not stop: ${output}`)
  }
}

async function run(cluster: Cluster, name: 'initdb' | 'pg_ctl', args: readonly string[]): Promise<Finished> {
  try {
    return await runBinary(cluster.native, name, args, { user: cluster.user, cwd: cluster.folder })
  } catch (error) {
    const account = cluster.user === undefined ? '' : ` as ${cluster.user.name}`
    throw new ConfigurationError(
      `The bundled PostgreSQL cannot run${account} (${String(error)}): set DATABASE_URL to a PostgreSQL of yours`,
    )
  }
}

/** initdb and pg_ctl hand paths to a shell, between double quotes only. */
function refuseShellText(cluster: Cluster): void {
  if (process.platform === 'win32') return
  for (const path of [cluster.folder, cluster.native]) {
    if (/["$`\\\n]/.test(path)) {
      throw new ConfigurationError(`PostgreSQL cannot work under ${path}: use a path without quotes, $, \` and \\`)
    }
  }
}

function configuration(port: number, settings: Readonly<Record<string, string>>): string {
  const all = {
    ...DEFAULT_SETTINGS,
    ...settings,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    port: String(port),
  }
  return Object.entries(all)
    .map(([name, value]) => {
      if (!/^[a-z_][a-z0-9_.]*$/.test(name) || /[\n\r]/.test(value)) {
        throw new ConfigurationError(`${name} is not a setting of PostgreSQL that can be written to its configuration`)
      }
      return `${name} = '${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'\n`
    })
    .join('')
}

async function freePort(preferred: number | null, deadline: number): Promise<number> {
  while (preferred !== null) {
    if ((await tryPort(preferred)) !== undefined) return preferred
    if (Date.now() > deadline) break
    await sleep(50)
  }
  const port = await tryPort(0)
  if (port !== undefined) return port
  throw new UnavailableError('No TCP port is free on 127.0.0.1; end something that listens, then try again')
}

function tryPort(wanted: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(undefined))
    server.listen({ port: wanted, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : undefined
      server.close(() => resolve(port))
    })
  })
}

/** Written for the server's account alone; our umask may be anything. */
async function writeFor(cluster: Cluster, file: string, text: string): Promise<void> {
  await writeFile(file, text, { mode: 0o600 })
  await chmod(file, 0o600)
  if (cluster.user !== undefined) await chown(file, cluster.user.uid, cluster.user.gid)
}

async function turnLog(cluster: Cluster): Promise<void> {
  const log = join(cluster.folder, 'server.log')
  const size = (await stat(log).catch(() => undefined))?.size ?? 0
  if (size > LOG_BYTES_MAX) await rename(log, `${log}.1`)
}

async function logEnd(cluster: Cluster): Promise<string> {
  const text = await readFile(join(cluster.folder, 'server.log'), 'utf8').catch(() => '(there is no log)')
  return text.slice(-2_000)
}
