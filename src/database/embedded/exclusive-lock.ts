import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { ConfigurationError, UnavailableError } from '../../foundation/errors.ts'

const SQLITE_BUSY = 5
const RETRY_MS = 25
/** Longer than an initdb and a start with recovery on a slow disk, which is what the holder may be at. */
const WAIT_MS = 120_000

/**
 * Runs `work` while no other process (and nobody else in this one) is inside for the same file. SQLite's lock is the
 * kernel's own and ends with its process, so that there is no stale lock file to judge and to take over.
 * @throws UnavailableError when the lock is not free within two minutes
 */
export async function withExclusiveLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  const database = open(file)
  try {
    const deadline = Date.now() + WAIT_MS
    while (!lock(database)) {
      if (Date.now() > deadline) {
        throw new UnavailableError(`Another process works on ${file} for two minutes; end it, then try again`)
      }
      await sleep(RETRY_MS * (1 + Math.random()))
    }
    return await work()
  } finally {
    database.close()
  }
}

function open(file: string): DatabaseSync {
  try {
    return new DatabaseSync(file)
  } catch (error) {
    throw new ConfigurationError(`Cannot open ${file} (${String(error)}): set DATA_DIR to a folder that you may write`)
  }
}

function lock(database: DatabaseSync): boolean {
  try {
    database.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE')
    return true
  } catch (error) {
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return false
    throw error
  }
}
