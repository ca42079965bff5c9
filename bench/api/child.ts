import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { invariant } from '../../src/foundation/invariant.ts'

/** A server in a process of its own. */
export interface ServedUrl extends AsyncDisposable {
  readonly url: string
  readonly pid: number
}

/**
 * Starts one of this folder's servers.
 * @param log file that takes its standard error, as a service's log does
 */
export async function serve(
  file: 'served.ts' | 'bare.ts',
  env: Readonly<Record<string, string>>,
  log: string,
): Promise<ServedUrl> {
  const descriptor = openSync(log, 'a')
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'ignore', descriptor, 'ipc'],
    execArgv: process.execArgv,
  })
  closeSync(descriptor)
  const said = await Promise.race([once(child, 'message'), once(child, 'exit').then(() => [])])
  const [url] = said as readonly unknown[]
  invariant(typeof url === 'string' && child.pid !== undefined, `${file} listens; what it says instead is in ${log}`)
  return { url, pid: child.pid, [Symbol.asyncDispose]: () => end(child) }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.disconnect()
  await ended
}
