import { readdir, readFile, readlink, realpath, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** What `postmaster.pid` says about a server that lives. */
export interface Postmaster {
  readonly pid: number
  readonly port: number
  readonly ready: boolean
}

/** @returns the living server of this data folder, in whatever phase; undefined when none lives */
export async function findPostmaster(data: string): Promise<Postmaster | undefined> {
  const text = await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')
  const lines = text.split('\n')
  const pid = Number.parseInt(lines[0] ?? '', 10)
  if (!(pid > 0) || !(await livesIn(pid, data))) return undefined
  return { pid, port: Number.parseInt(lines[3] ?? '', 10), ready: (lines[7] ?? '').trim() === 'ready' }
}

/**
 * Removes the pid file of a dead server whose pid means something else by now (after a reboot, or a zombie that nobody
 * reaps in a container): PostgreSQL would refuse to start over it. It stays while any process is left in the folder,
 * since it also names the shared memory that orphaned backends may still write to.
 */
export async function clearStalePidFile(data: string): Promise<void> {
  if (process.platform !== 'linux' || (await findPostmaster(data)) !== undefined) return
  for (const name of await readdir('/proc')) {
    if (/^\d+$/.test(name) && (await livesIn(Number(name), data))) return
  }
  await rm(join(data, 'postmaster.pid'), { force: true })
}

/**
 * A pid alone may have been given out again. On Linux the working folder tells, which is PostgreSQL's data folder; root
 * without CAP_SYS_PTRACE, as in most containers, may not look at that of another account, but at its command line.
 */
async function livesIn(pid: number, data: string): Promise<boolean> {
  if (process.platform !== 'linux') return isAlive(pid)
  try {
    return (await readlink(`/proc/${pid}/cwd`)) === (await realpath(data))
  } catch (error) {
    // Gone, or a zombie: ENOENT.
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') return false
  }
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  // Backends carry a title instead of arguments, and do not say whose they are: taken for ours, which only costs a wait.
  return command.split('\0').includes(data) || command.startsWith('postgres:')
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** When a process began, to tell it from a later one with its pid; "" where the system does not say, or it is gone. */
export async function startOf(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const state = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return state[0] === 'Z' ? '' : (state[19] ?? '')
}

export async function isSameProcess(pid: number, started: string): Promise<boolean> {
  return isAlive(pid) && (process.platform !== 'linux' || (await startOf(pid)) === started)
}
