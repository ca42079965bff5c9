import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chown } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ConfigurationError, UnavailableError } from '../../foundation/errors.ts'
import type { Logger } from '../../foundation/logger.ts'
import { APP_ROLE } from '../roles.ts'
import { locateBinaries } from './binaries.ts'
import { ADMIN_ROLE, type Cluster, ensureStarted, initialize, stop } from './cluster.ts'
import { withExclusiveLock } from './exclusive-lock.ts'
import { makeDataDir, placeCluster } from './placement.ts'
import { isSameProcess, startOf } from './postmaster.ts'
import { connect, othersConnected, Presence } from './presence.ts'
import { DATABASE, OWNER_ROLE, prepareDatabase } from './roles.ts'
import { serverUserFor } from './server-user.ts'
import { type EmbeddedState, readState, writeState } from './state-file.ts'

const REACH_TRIES = 3
const REACH_PAUSE_MS = 500

export interface EmbeddedOptions {
  /** Folder of the cluster; relative to the working folder, made when missing. */
  readonly dataDir: string
  readonly logger: Logger
  /** Server settings beside ours, for tests and benchmarks; they count only when this call starts the server. */
  readonly settings?: Readonly<Record<string, string>>
}

/** A PostgreSQL 18 of our own, in use until {@link release}. All URLs are TCP on 127.0.0.1 and carry a password. */
export interface EmbeddedPostgres {
  /** Superuser, database `postgres`. */
  readonly adminUrl: string
  /** `tollkeeper_owner`, owner of the database `tollkeeper`: migrates. */
  readonly ownerUrl: string
  /** `tollkeeper_app`: runs. */
  readonly appUrl: string
  readonly port: number
  /** Where cluster and `server.log` lie: in the data folder, unless PostgreSQL's account cannot reach that. */
  readonly folder: string
  /** This call started the server; false when it was running. */
  readonly startedHere: boolean
  /** This call made the cluster: the database is empty. */
  readonly fresh: boolean
  /**
   * Ends the use; again is harmless. Close your own connections first. The one whose duty it is stops the server,
   * unless somebody else is connected; then it runs on, and the next {@link acquireEmbedded} takes the duty over.
   */
  release(): Promise<void>
}

/**
 * Makes sure that the PostgreSQL of this data folder runs, and joins it. Safe from any number of processes at once and
 * after any kill. The duty to stop it lies with the starter, or with the next to come when that one died.
 * @throws ConfigurationError when this machine or folder cannot have one; the sentence says what to do
 * @throws UnavailableError when it does not come up
 */
export async function acquireEmbedded(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const user = await serverUserFor(resolve(options.dataDir))
  const dataDir = await makeDataDir(options.dataDir, user)
  const lockFile = join(dataDir, 'embedded.lock')
  return withExclusiveLock(lockFile, async () => {
    if (user?.ownsDataDir) await chown(lockFile, user.uid, user.gid)
    const { folder, state: known } = await placeCluster(dataDir, await readState(dataDir), user, options.logger)
    const cluster: Cluster = { folder, user, native: await locateBinaries(user, options.logger) }
    let state = known
    const save = async (change: Partial<EmbeddedState>) => {
      state = { ...state, ...change }
      await writeState(dataDir, state, user)
    }
    await save({})
    const fresh = await initialize(cluster, state.passwords.admin)
    const { port, startedNow, presence } = await reach(cluster, state, options.settings ?? {})
    try {
      // Each time: a cluster that an earlier version prepared lacks the roles that came since.
      await prepare(state, port)
      const token = randomUUID()
      const onDuty = startedNow || !(await keeperLives(state))
      const keeper = onDuty ? { token, pid: process.pid, started: await startOf(process.pid) } : state.keeper
      await save({ port, prepared: true, keeper })
      options.logger.debug({ folder, port, startedNow, fresh, onDuty }, 'embedded PostgreSQL is ready')
      const release = releaseOnce({ dataDir, cluster, token, presence, logger: options.logger })
      return { ...urls(state, port), port, folder, startedHere: startedNow, fresh, release }
    } catch (error) {
      await presence.close()
      if (startedNow) await stop(cluster)
      throw error
    }
  })
}

/** Starts the server unless it runs, and is present there. One that was killed a moment ago still looks alive. */
async function reach(
  cluster: Cluster,
  { passwords, port: preferred }: EmbeddedState,
  settings: Readonly<Record<string, string>>,
): Promise<{ port: number; startedNow: boolean; presence: Presence }> {
  let startedNow = false
  for (let tries = 1; ; tries += 1) {
    const found = await ensureStarted(cluster, preferred, settings)
    startedNow ||= found.startedNow
    const presence = new Presence(urlOf(ADMIN_ROLE, passwords.admin, found.port, 'postgres'))
    try {
      await openPresence(presence, cluster.folder)
      return { port: found.port, startedNow, presence }
    } catch (error) {
      await presence.close()
      if (error instanceof UnavailableError && tries < REACH_TRIES) await sleep(REACH_PAUSE_MS)
      else {
        if (startedNow) await stop(cluster)
        throw error
      }
    }
  }
}

interface Use {
  readonly dataDir: string
  readonly cluster: Cluster
  readonly token: string
  readonly presence: Presence
  readonly logger: Logger
}

function releaseOnce(use: Use): () => Promise<void> {
  let released: Promise<void> | undefined
  return () => {
    released ??= release(use)
    return released
  }
}

async function release({ dataDir, cluster, token, presence, logger }: Use): Promise<void> {
  await presence.close()
  // The data folder was removed under us: nobody can join any more, and only we know that a server is left.
  if (!existsSync(dataDir)) return stop(cluster)
  await withExclusiveLock(join(dataDir, 'embedded.lock'), async () => {
    const state = await readState(dataDir)
    if (state?.keeper?.token !== token) return
    if (await isInUse(state)) {
      logger.info({ port: state.port }, 'embedded PostgreSQL runs on, since others are connected to it')
    } else {
      await stop(cluster)
    }
    await writeState(dataDir, { ...state, keeper: null }, cluster.user)
  })
}

async function isInUse(state: EmbeddedState): Promise<boolean> {
  if (state.port === null) return false
  try {
    return await othersConnected(urlOf(ADMIN_ROLE, state.passwords.admin, state.port, 'postgres'))
  } catch {
    // It does not answer, so nobody uses it; what may be left of it is stopped.
    return false
  }
}

async function openPresence(presence: Presence, folder: string): Promise<void> {
  try {
    await presence.open()
  } catch (error) {
    if ((error as { code?: string }).code === '28P01') {
      throw new ConfigurationError(
        `PostgreSQL in ${folder} refuses the password of embedded.json: bring the file back that belongs to it`,
      )
    }
    throw new UnavailableError(`PostgreSQL in ${folder} runs, but cannot be reached: ${String(error)}`, {
      cause: error,
    })
  }
}

async function prepare({ passwords }: EmbeddedState, port: number): Promise<void> {
  const admin = await connect(urlOf(ADMIN_ROLE, passwords.admin, port, 'postgres'))
  try {
    await prepareDatabase(admin, passwords)
  } finally {
    await admin.end()
  }
}

async function keeperLives({ keeper }: EmbeddedState): Promise<boolean> {
  return keeper !== null && (await isSameProcess(keeper.pid, keeper.started))
}

function urls(state: EmbeddedState, port: number): Pick<EmbeddedPostgres, 'adminUrl' | 'ownerUrl' | 'appUrl'> {
  return {
    adminUrl: urlOf(ADMIN_ROLE, state.passwords.admin, port, 'postgres'),
    ownerUrl: urlOf(OWNER_ROLE, state.passwords.owner, port, DATABASE),
    appUrl: urlOf(APP_ROLE, state.passwords.app, port, DATABASE),
  }
}

/** Passwords are base64url, which needs no escaping in a URL. */
function urlOf(role: string, password: string, port: number, database: string): string {
  return `postgresql://${role}:${password}@127.0.0.1:${port}/${database}`
}
