import { readFile, realpath, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ConfigurationError } from '../../foundation/errors.ts'

/** The account that runs PostgreSQL when we are root, as whom it refuses to run. */
export interface ServerUser {
  readonly name: string
  readonly uid: number
  readonly gid: number
  /** True when the data folder belongs to this account, so that all that we put there shall as well. */
  readonly ownsDataDir: boolean
}

const FALLBACKS = ['nobody', 'postgres', 'daemon']

/**
 * The owner of the data folder, or of the nearest folder above it that exists; `nobody` where that is root.
 * @returns undefined when we are not root: PostgreSQL then runs as ourselves
 * @throws ConfigurationError when the machine has no account to switch to
 */
export async function serverUserFor(dataDir: string): Promise<ServerUser | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const accounts = await readAccounts()
  const ownerId = await nearestOwner(dataDir)
  const owner = accounts.find((account) => account.uid === ownerId && account.uid > 0)
  if (owner !== undefined) return { ...owner, ownsDataDir: true }
  for (const name of FALLBACKS) {
    const account = accounts.find((candidate) => candidate.name === name && candidate.uid > 0)
    if (account !== undefined) return { ...account, ownsDataDir: false }
  }
  throw new ConfigurationError(
    'PostgreSQL does not run as root, and there is no other account: run as an ordinary user, or set DATABASE_URL',
  )
}

/** Whether `user` can pass every folder on the way to `path`, and `path` itself when it is a folder. */
export async function canReach(user: ServerUser | undefined, path: string): Promise<boolean> {
  if (user === undefined) return true
  for (let folder = await realpath(path); ; folder = dirname(folder)) {
    const { mode, uid, gid } = await stat(folder)
    const shift = uid === user.uid ? 6 : gid === user.gid ? 3 : 0
    if (((mode >> shift) & 1) === 0) return false
    if (folder === dirname(folder)) return true
  }
}

async function nearestOwner(path: string): Promise<number> {
  try {
    return (await stat(path)).uid
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || path === dirname(path)) throw error
    return nearestOwner(dirname(path))
  }
}

async function readAccounts(): Promise<Omit<ServerUser, 'ownsDataDir'>[]> {
  const lines = (await readFile('/etc/passwd', 'utf8').catch(() => '')).split('\n')
  return lines
    .map((line) => line.split(':'))
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter((account) => Number.isInteger(account.uid) && Number.isInteger(account.gid))
}
