import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** What a process runs: the product as `tollkeeper start` does, or as a library with a model that misbehaves. */
export type ProcessEntry = 'service' | 'stormy-service'
/** A start compiles nothing, but two cores are shared with everything else that runs. */
const START_MS = 60_000
const FIRED_MS = 90_000
const FAILPOINT_LINE = /^failpoint .*$/m

export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A real process of the product, and everything that can be done to it. */
export interface ChaosProcess {
  readonly pid: number
  /** Where its API listens. */
  readonly url: string
  running(): boolean
  /** Resolves with the line that its first failpoint wrote. */
  readonly fired: Promise<string>
  kill(): Promise<void>
  /** Waits for the SIGKILL that it was told to give itself. */
  killedItself(): Promise<void>
  /** SIGSTOP: it stands still, and knows nothing of it. */
  stop(): void
  /** SIGCONT: it goes on where it stood. */
  goOn(): void
  /** SIGTERM, as an orchestrator stops a process. */
  terminate(): Promise<Ending>
  /** Whether its event loop answers in time. */
  answers(timeoutMs: number): Promise<boolean>
  /** Asks its API. */
  send(method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: unknown): Promise<Response>
  /** What it has written to stderr. */
  log(): string
}

/** Starts one and waits until it is ready. @param options of Node, such as a limit of memory */
export async function startProcess(
  env: Readonly<Record<string, string>>,
  options: readonly string[] = [],
  entry: ProcessEntry = 'service',
): Promise<ChaosProcess> {
  const child = fork(fileURLToPath(new URL(`../fixtures/chaos/${entry}.ts`, import.meta.url)), {
    env: { PATH: process.env.PATH, ...env },
    execArgv: [...options],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  const { pid } = child
  if (pid === undefined) throw new Error('the process did not start')
  let log = ''
  const fired = Promise.withResolvers<string>()
  child.stderr?.on('data', (bytes) => {
    log += String(bytes)
    const line = FAILPOINT_LINE.exec(log)?.[0]
    if (line !== undefined) fired.resolve(line)
  })
  const ended = once(child, 'exit').then(([code, signal]): Ending => ({ code, signal }))
  const running = (): boolean => child.exitCode === null && child.signalCode === null
  const url = await readiness(child, ended, () => log)
  return {
    pid,
    url,
    running,
    fired: soon(fired.promise, 'it passed its failpoint'),
    async kill() {
      if (running()) child.kill('SIGKILL')
      await ended
    },
    async killedItself() {
      const { code, signal } = await soon(ended, 'it killed itself')
      if (signal !== 'SIGKILL') throw new Error(`it was not killed but ended with ${code ?? signal}:\n${log}`)
    },
    stop: () => void child.kill('SIGSTOP'),
    goOn: () => void child.kill('SIGCONT'),
    async terminate() {
      if (running()) child.kill('SIGTERM')
      return ended
    },
    async answers(timeoutMs) {
      // Its channel closes a moment before its end is known.
      if (!running() || !child.connected) return false
      const answer = once(child, 'message').then(() => true)
      child.send('alive?', () => undefined)
      return Promise.race([answer, sleep(timeoutMs, false, { ref: false })])
    },
    send: (method, path, body) => {
      const content = body === undefined ? {} : { body: JSON.stringify(body) }
      const headers = body === undefined ? undefined : { 'content-type': 'application/json' }
      return fetch(`${url}/api/v1${path}`, { method, ...(headers ? { headers } : {}), ...content })
    },
    log: () => log,
  }
}

/** What a failpoint causes comes within this, or the case does not test what it says. */
function soon<T>(what: Promise<T>, sentence: string): Promise<T> {
  const late = sleep(FIRED_MS, undefined, { ref: false }).then((): never => {
    throw new Error(`never was it true that ${sentence}`)
  })
  const first = Promise.race([what, late])
  first.catch(() => undefined)
  return first
}

async function readiness(child: ChildProcess, ended: Promise<Ending>, log: () => string): Promise<string> {
  const ready = once(child, 'message').then(([message]) => (message as { url: string | null }).url ?? '')
  const late = sleep(START_MS, null, { ref: false })
  const first = await Promise.race([ready, ended.then(() => null), late])
  if (first !== null) return first
  child.kill('SIGKILL')
  throw new Error(`a process did not become ready; it said:\n${log()}`)
}
