import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** `tollkeeper start` as a worker process of its own. */
export interface WorkerProcess {
  /** Everything that it has logged so far. */
  log(): string
  /** SIGTERM, and what came of it. */
  stop(): Promise<{ code: number | null; tookMs: number }>
  kill(): Promise<void>
}

const BIN = fileURLToPath(new URL('../../bin/tollkeeper.js', import.meta.url))

/** @returns when its workers run */
export async function startWorkerProcess(env: Readonly<Record<string, string>>): Promise<WorkerProcess> {
  const worker = spawn(process.execPath, [BIN, 'start'], {
    env: { PATH: process.env.PATH, ...env, ROLE: 'worker', LOG_LEVEL: 'warn' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let logged = ''
  worker.stderr.on('data', (bytes) => {
    logged += String(bytes)
  })
  await Promise.race([once(worker.stdout, 'data'), once(worker, 'exit')])
  if (ended(worker)) throw new Error(`the worker did not start: ${logged}`)
  return {
    log: () => logged,
    async stop() {
      const began = Date.now()
      const exit = once(worker, 'exit')
      worker.kill('SIGTERM')
      const [code] = await exit
      return { code, tookMs: Date.now() - began }
    },
    async kill() {
      if (ended(worker)) return
      const exit = once(worker, 'exit')
      worker.kill('SIGKILL')
      await exit
    },
  }
}

function ended({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null
}
