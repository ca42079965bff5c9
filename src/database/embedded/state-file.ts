import { randomBytes } from 'node:crypto'
import { chmod, chown, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { ConfigurationError } from '../../foundation/errors.ts'
import type { ServerUser } from './server-user.ts'

const shape = z.strictObject({
  /** The folder of the cluster when it could not be kept in the data folder. */
  elsewhere: z.string().nullable(),
  port: z.number().int().nullable(),
  passwords: z.strictObject({ admin: z.string(), owner: z.string(), app: z.string() }),
  /** Roles and database exist. */
  prepared: z.boolean(),
  /** Whose duty it is to stop the server; `started` tells a process from a later one with the same pid. */
  keeper: z.strictObject({ token: z.string(), pid: z.number().int(), started: z.string() }).nullable(),
})

/** What we know about the cluster of a data folder; holds its passwords, hence mode 0600. */
export type EmbeddedState = Readonly<z.infer<typeof shape>>

export function newState(elsewhere: string | null): EmbeddedState {
  const password = () => randomBytes(24).toString('base64url')
  return {
    elsewhere,
    port: null,
    passwords: { admin: password(), owner: password(), app: password() },
    prepared: false,
    keeper: null,
  }
}

export function stateFileIn(dataDir: string): string {
  return join(dataDir, 'embedded.json')
}

/**
 * @returns undefined when the data folder has none
 * @throws ConfigurationError when it is not ours to read, or not what we wrote
 */
export async function readState(dataDir: string): Promise<EmbeddedState | undefined> {
  const file = stateFileIn(dataDir)
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new ConfigurationError(
      `Cannot read ${file} (${String(error)}): run as the user who made it, or set another DATA_DIR`,
    )
  }
  try {
    return shape.parse(JSON.parse(text))
  } catch {
    throw new ConfigurationError(`${file} is damaged: bring it back from a backup, or set another DATA_DIR`)
  }
}

/** Written beside and renamed, so that a crash leaves the old one or the new one. */
export async function writeState(dataDir: string, state: EmbeddedState, user: ServerUser | undefined): Promise<void> {
  const file = stateFileIn(dataDir)
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  try {
    const handle = await open(draft, 'wx', 0o600)
    try {
      await handle.writeFile(`${JSON.stringify(state, null, 2)}\n`)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await chmod(draft, 0o600)
    if (user?.ownsDataDir) await chown(draft, user.uid, user.gid)
    await rename(draft, file)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}
