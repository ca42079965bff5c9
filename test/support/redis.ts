import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'

/** A Redis of our own on a free port of the loopback. */
export interface TestRedis {
  readonly url: string
  /** Kills the server (SIGKILL); its port stays ours. */
  down(): Promise<void>
  /** Starts it again on the same port and data. */
  up(): Promise<void>
  end(): Promise<void>
}

/** Whether this machine has a `redis-server`. In CI its absence is a failure, never a skip. */
export function hasRedis(): boolean {
  const found = (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, 'redis-server'), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
  if (!found && process.env.CI === 'true') throw new Error('CI needs redis-server; install it and run again')
  if (!found) console.warn('SKIPPED: the suites on Redis, because redis-server is not on PATH')
  return found
}

/** @param appendOnly with the append-only file a restart forgets nothing, without it everything */
export async function startRedis({ appendOnly = true } = {}): Promise<TestRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'tollkeeper-redis-'))
  const port = await freePort()
  const url = `redis://127.0.0.1:${port}`
  let server: ChildProcess | undefined
  const running = () => server !== undefined && server.exitCode === null && server.signalCode === null
  const up = async () => {
    if (running()) return
    const place = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder]
    const durability = ['--save', '', '--appendonly', appendOnly ? 'yes' : 'no']
    server = spawn('redis-server', [...place, ...durability], { stdio: 'ignore' })
    await answers(url)
  }
  const down = async () => {
    if (server === undefined || !running()) return
    const ended = once(server, 'exit')
    server.kill('SIGKILL')
    await ended
  }
  await up()
  return {
    url,
    up,
    down,
    async end() {
      await down()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function answers(url: string): Promise<void> {
  const client = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: null, retryStrategy: () => 50 })
  client.on('error', () => {})
  try {
    // `once` of node:events would reject at the first refused connection; a booting server refuses several.
    const ready = new Promise((resolve) => client.once('ready', resolve))
    client.connect().catch(() => {})
    const late = pause(10_000, 'late', { ref: false })
    if ((await Promise.race([ready, late])) === 'late') throw new Error(`redis-server does not answer at ${url}`)
  } finally {
    client.disconnect()
  }
}

/** A TCP port of the loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('no TCP port is free')
  return address.port
}
