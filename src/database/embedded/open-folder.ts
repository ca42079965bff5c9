import { createHash } from 'node:crypto'
import { access, constants } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { canReach, type ServerUser } from './server-user.ts'

/** Folders that everybody can reach and we can write, the ones that outlive a reboot first. */
export async function openFolders(user: ServerUser | undefined): Promise<string[]> {
  const found: string[] = []
  for (const folder of new Set(['/var/tmp', tmpdir(), '/tmp'])) {
    try {
      await access(folder, constants.W_OK)
      if (await canReach(user, folder)) found.push(folder)
    } catch {
      // Not there, or not for us: the next one.
    }
  }
  return found
}

/** A short name for a path, the same in every process. */
export function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}
