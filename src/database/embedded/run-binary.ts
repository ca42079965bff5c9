import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ServerUser } from './server-user.ts'

export interface Finished {
  readonly code: number | null
  /** stdout and stderr as they came. */
  readonly output: string
}

/**
 * Runs one of PostgreSQL's programs to its end, as `user` and without any groups of ours (setgroups is part of Node's
 * uid switch). Nothing of our environment goes along: PG* variables would redirect it, secrets would stay in /proc.
 */
export async function runBinary(
  native: string,
  name: 'initdb' | 'pg_ctl' | 'postgres',
  args: readonly string[],
  at: { readonly user: ServerUser | undefined; readonly cwd: string },
): Promise<Finished> {
  const windows = process.platform === 'win32'
  const child = spawn(join(native, 'bin', windows ? `${name}.exe` : name), args, {
    cwd: at.cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    windowsHide: true,
    // A Ctrl-C at the terminal must not end pg_ctl in the middle of a start or a stop.
    detached: true,
    ...(windows ? {} : { env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' } }),
    ...(at.user && { uid: at.user.uid, gid: at.user.gid }),
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', resolve)
  })
  // On Windows the server inherits pg_ctl's pipes and keeps them open: the exit counts, not their end.
  await Promise.race([closed, sleep(500, undefined, { ref: false })])
  child.stdout.destroy()
  child.stderr.destroy()
  return { code, output: output.trim() }
}
