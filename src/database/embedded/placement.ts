import { chmod, chown, mkdir, mkdtemp, realpath, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { ConfigurationError } from '../../foundation/errors.ts'
import type { Logger } from '../../foundation/logger.ts'
import { openFolders, shortHash } from './open-folder.ts'
import { canReach, type ServerUser } from './server-user.ts'
import { type EmbeddedState, newState, stateFileIn } from './state-file.ts'

/** Where the cluster lies: `folder` belongs to PostgreSQL's account and holds `data` and `server.log`. */
export interface Placement {
  readonly folder: string
  readonly state: EmbeddedState
}

/**
 * Makes the data folder and the folders above it. Those that we make as root are left passable whatever the umask is,
 * or PostgreSQL's account could not come through.
 */
export async function makeDataDir(path: string, user: ServerUser | undefined): Promise<string> {
  const dataDir = resolve(path)
  const outermost = await mkdir(dataDir, { recursive: true, mode: 0o755 }).catch((error: unknown) => {
    throw new ConfigurationError(`Cannot make the folder ${dataDir} (${String(error)}): set DATA_DIR to another`)
  })
  if (outermost !== undefined && user !== undefined) {
    for (let folder = dataDir; folder.length >= outermost.length; folder = dirname(folder)) {
      await chmod(folder, 0o755)
      if (user.ownsDataDir) await chown(folder, user.uid, user.gid)
    }
  }
  return realpath(dataDir)
}

/** Finds the cluster's folder, or decides on one, says so when it lies elsewhere, and makes it. */
export async function placeCluster(
  dataDir: string,
  known: EmbeddedState | undefined,
  user: ServerUser | undefined,
  logger: Logger,
): Promise<Placement> {
  const inside = join(dataDir, 'postgres')
  if (known?.prepared) {
    const folder = known.elsewhere ?? inside
    await refuseLost(folder, dataDir, user)
    return { folder, state: known }
  }
  if (known === undefined && (await exists(join(inside, 'data')))) {
    throw new ConfigurationError(
      `${inside} holds a database, but ${stateFileIn(dataDir)} with its passwords is gone: ` +
        'bring that file back, or remove the folder to begin with an empty database',
    )
  }
  if (known?.elsewhere && (await exists(known.elsewhere))) return { folder: known.elsewhere, state: known }
  if (await canReach(user, dataDir)) {
    await mkdir(inside, { recursive: true })
    await giveTo(inside, user)
    return { folder: inside, state: known ? { ...known, elsewhere: null } : newState(null) }
  }
  const folder = await makeElsewhere(dataDir, user)
  logger.warn(
    { dataDir, folder, account: user?.name },
    `A folder above ${dataDir} is closed to the account ${user?.name} that runs PostgreSQL: its data lies in ${folder}`,
  )
  return { folder, state: known ? { ...known, elsewhere: folder } : newState(folder) }
}

/** The name is never reused: an older folder may be the only copy of a ledger whose DATA_DIR was removed by mistake. */
async function makeElsewhere(dataDir: string, user: ServerUser | undefined): Promise<string> {
  const [open] = await openFolders(user)
  if (open === undefined) {
    throw new ConfigurationError(
      `A folder above ${dataDir} is closed to the account ${user?.name} that runs PostgreSQL, and no open one is found: ` +
        'set DATA_DIR to a folder that this account can reach',
    )
  }
  const folder = await mkdtemp(join(open, `tollkeeper-${shortHash(dataDir)}-`))
  await giveTo(folder, user)
  return folder
}

async function giveTo(folder: string, user: ServerUser | undefined): Promise<void> {
  await chmod(folder, 0o700)
  if (user !== undefined) await chown(folder, user.uid, user.gid)
}

async function refuseLost(folder: string, dataDir: string, user: ServerUser | undefined): Promise<void> {
  if (!(await exists(join(folder, 'data', 'PG_VERSION')))) {
    throw new ConfigurationError(
      `The database of ${dataDir} is gone from ${folder}: bring it back, ` +
        `or remove ${stateFileIn(dataDir)} to begin with an empty one`,
    )
  }
  if (!(await canReach(user, dirname(folder)))) {
    throw new ConfigurationError(
      `The account ${user?.name} that runs PostgreSQL can no longer reach ${folder}: open the folders above it (chmod o+x)`,
    )
  }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}
