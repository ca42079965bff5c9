import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { acquireEmbedded, type EmbeddedPostgres } from '../../src/database/embedded/embedded.ts'
import { ConfigurationError } from '../../src/foundation/errors.ts'
import { createLogger } from '../../src/foundation/logger.ts'

const logger = createLogger('silent')
const isRoot = process.getuid?.() === 0

let home: string
const folders = new Set<string>()
const held = new Set<EmbeddedPostgres>()
const children = new Set<ChildProcess>()

async function beginFolder(): Promise<void> {
  home = await mkdtemp(join(tmpdir(), 'toll-embedded-'))
  await chmod(home, 0o755)
  folders.add(home)
}

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  for (const embedded of held) await embedded.release()
  const left = await Promise.all([...folders].map((folder) => postmasterPid({ folder }).catch(() => undefined)))
  if (left.some((pid) => pid !== undefined)) await (await acquire()).release()
  children.clear()
  held.clear()
})

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true })
})

async function acquire(settings: Record<string, string> = {}): Promise<EmbeddedPostgres> {
  const embedded = await acquireEmbedded({ dataDir: join(home, 'data'), logger, settings })
  held.add(embedded)
  folders.add(embedded.folder)
  return embedded
}

async function query<Row extends object>(url: string, sql: string): Promise<Row[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Row>(sql)).rows
  } finally {
    await client.end()
  }
}

/** Another process that acquires the same folder; `told` is what it got. */
async function startChild(): Promise<{
  child: ChildProcess
  told: Pick<EmbeddedPostgres, 'port' | 'startedHere' | 'fresh'>
}> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'embedded-child.ts'), join(home, 'data')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  children.add(child)
  const [line] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer]
  const told = JSON.parse(line.toString()) as EmbeddedPostgres
  folders.add(told.folder)
  return { child, told }
}

async function postmasterPid(embedded: { folder: string }): Promise<number> {
  return Number((await readFile(join(embedded.folder, 'data', 'postmaster.pid'), 'utf8')).split('\n')[0])
}

describe('the embedded PostgreSQL, made from nothing', () => {
  beforeEach(beginFolder)

  it('starts from nothing, with two roles of which only the owner may make schemas', async () => {
    const embedded = await acquire({ work_mem: '5MB' })
    expect(embedded).toMatchObject({ startedHere: true, fresh: true })

    const [server] = await query(
      embedded.adminUrl,
      `SELECT current_setting('server_version_num')::int / 10000 AS major, current_setting('fsync') AS fsync,
              current_setting('synchronous_commit') AS synchronous_commit, current_setting('work_mem') AS work_mem,
              current_setting('listen_addresses') AS listens, current_setting('unix_socket_directories') AS sockets,
              current_setting('password_encryption') AS passwords, current_setting('server_encoding') AS encoding`,
    )
    expect(server).toEqual({
      major: 18,
      fsync: 'on',
      synchronous_commit: 'on',
      work_mem: '5MB',
      listens: '127.0.0.1',
      sockets: '',
      passwords: 'scram-sha-256',
      encoding: 'UTF8',
    })
    await query(embedded.ownerUrl, 'CREATE SCHEMA tollkeeper')
    expect(await query(embedded.ownerUrl, 'SELECT current_user AS role, current_database() AS name')).toEqual([
      { role: 'tollkeeper_owner', name: 'tollkeeper' },
    ])
    await expect(query(embedded.appUrl, 'CREATE SCHEMA mine')).rejects.toThrow(/permission denied/)
    await expect(query(embedded.appUrl, 'CREATE TABLE public.mine (id int)')).rejects.toThrow(/permission denied/)
    const wrong = embedded.appUrl.replace(/:[^:@]+@/, ':wrong@')
    await expect(query(wrong, 'SELECT 1')).rejects.toThrow(/password authentication failed/)
  })

  it('keeps its passwords to itself whatever the umask is', async () => {
    const before = process.umask(0o077)
    let embedded: EmbeddedPostgres
    try {
      embedded = await acquire()
    } finally {
      process.umask(before)
    }
    expect((await stat(join(home, 'data', 'embedded.json'))).mode & 0o777).toBe(0o600)
    expect((await stat(embedded.folder)).mode & 0o777).toBe(0o700)
    expect(await readdir(embedded.folder)).toEqual(['data', 'server.log'])
    if (isRoot) expect((await stat(embedded.folder)).uid).not.toBe(0)
  })

  it('is one cluster when two processes race to make it', async () => {
    const [one, two] = await Promise.all([startChild(), startChild()])
    expect(one.told.port).toBe(two.told.port)
    expect([one.told.startedHere, two.told.startedHere].sort()).toEqual([false, true])
    expect([one.told.fresh, two.told.fresh].sort()).toEqual([false, true])
  })

  it.runIf(isRoot)('keeps its data in an open folder, and says so, where root works in a closed one', async () => {
    await chmod(home, 0o700)
    const said: object[] = []
    const loud = { ...logger, warn: (facts: object) => void said.push(facts) } as typeof logger
    const embedded = await acquireEmbedded({ dataDir: join(home, 'data'), logger: loud })
    held.add(embedded)
    folders.add(embedded.folder)

    expect(embedded.folder.startsWith(home)).toBe(false)
    expect(said).toEqual([expect.objectContaining({ folder: embedded.folder })])
    expect(await query(embedded.appUrl, 'SELECT 1 AS alive')).toEqual([{ alive: 1 }])
    await embedded.release()
    const again = await acquire()
    expect(again).toMatchObject({ folder: embedded.folder, startedHere: true, fresh: false })
    await rm(join(home, 'data'), { recursive: true })
    await again.release()
    await expect(query(again.appUrl, 'SELECT 1')).rejects.toThrow(/ECONNREFUSED/)
  })
})

describe('the embedded PostgreSQL that is there', () => {
  beforeAll(async () => {
    await beginFolder()
    await (await acquire()).release()
  })

  it('is joined by a second use, which leaves it running, and stopped by the starter', async () => {
    const starter = await acquire()
    const joiner = await acquire({ work_mem: '9MB' })
    expect(joiner).toMatchObject({ port: starter.port, startedHere: false, fresh: false })

    await joiner.release()
    expect(await query(starter.appUrl, "SELECT current_setting('work_mem') AS work_mem")).toEqual([{ work_mem: '4MB' }])

    await starter.release()
    await starter.release()
    await expect(query(starter.appUrl, 'SELECT 1')).rejects.toThrow(/ECONNREFUSED/)
    await expect(postmasterPid(starter)).rejects.toThrow(/ENOENT/)
  })

  it('comes back on the same port with its data, and is no longer fresh', async () => {
    const first = await acquire()
    await query(first.ownerUrl, 'CREATE SCHEMA stays CREATE TABLE kept (id int)')
    await first.release()

    const second = await acquire()
    expect(second).toMatchObject({ port: first.port, startedHere: true, fresh: false, ownerUrl: first.ownerUrl })
    expect(await query(second.ownerUrl, 'SELECT count(*)::int AS rows FROM stays.kept')).toEqual([{ rows: 0 }])
  })

  it('recovers committed data after its postmaster is killed', async () => {
    const first = await acquire()
    await query(first.ownerUrl, 'CREATE SCHEMA s CREATE TABLE kept (id int); INSERT INTO s.kept VALUES (42)')
    process.kill(await postmasterPid(first), 'SIGKILL')

    const second = await acquire()
    expect(second).toMatchObject({ startedHere: true, fresh: false })
    expect(await query(second.ownerUrl, 'SELECT id FROM s.kept')).toEqual([{ id: 42 }])
    expect(second.port).toBe(first.port)
    await first.release()
    expect(await query(second.ownerUrl, 'SELECT id FROM s.kept')).toEqual([{ id: 42 }])
  })

  it('starts over a pid file whose pid belongs to another process by now', async () => {
    const first = await acquire()
    const pidFile = join(first.folder, 'data', 'postmaster.pid')
    const left = await readFile(pidFile, 'utf8')
    await first.release()
    await writeFile(pidFile, left.replace(/^\d+/, String(process.pid)), { mode: 0o644 })

    expect(await acquire()).toMatchObject({ startedHere: true, fresh: false })
  })

  it('runs on when its starter ends while others are connected, and the next user stops it', async () => {
    const { child, told } = await startChild()
    expect(told).toMatchObject({ startedHere: true, fresh: false })
    const joiner = await acquire()

    child.stdin?.end()
    expect(await once(child, 'exit')).toEqual([0, null])
    expect(await query(joiner.appUrl, 'SELECT 1 AS alive')).toEqual([{ alive: 1 }])
    await joiner.release()
    expect(await query(joiner.appUrl, 'SELECT 1 AS alive')).toEqual([{ alive: 1 }])

    await (await acquire()).release()
    await expect(query(joiner.appUrl, 'SELECT 1')).rejects.toThrow(/ECONNREFUSED/)
  })

  it('outlives the kill of its starter, and the next user takes over the duty to stop it', async () => {
    const { child, told } = await startChild()
    child.kill('SIGKILL')
    await once(child, 'exit')

    const next = await acquire()
    expect(next).toMatchObject({ port: told.port, startedHere: false, fresh: false })
    await next.release()
    await expect(query(next.appUrl, 'SELECT 1')).rejects.toThrow(/ECONNREFUSED/)
  })

  it('waits for a pool that is just closing before it decides that others are connected', async () => {
    const embedded = await acquire()
    const pool = new Client({ connectionString: embedded.appUrl })
    pool.on('error', () => undefined)
    await pool.connect()
    const released = embedded.release()
    await sleep(300)
    await pool.end()
    await released
    await expect(query(embedded.appUrl, 'SELECT 1')).rejects.toThrow(/ECONNREFUSED/)
  })

  it('says what to do when the database or its passwords are lost, and touches nothing', async () => {
    const embedded = await acquire()
    await embedded.release()
    const state = join(home, 'data', 'embedded.json')
    const cluster = join(embedded.folder, 'data')

    await rename(state, `${state}.away`)
    await expect(acquire()).rejects.toThrow(/passwords is gone: bring that file back/)
    await rename(`${state}.away`, state)
    await rename(cluster, `${cluster}.away`)
    await expect(acquire()).rejects.toThrow(/is gone from .*bring it back, or remove/)
    await rename(`${cluster}.away`, cluster)
    await writeFile(`${state}.kept`, await readFile(state))
    await writeFile(state, '{"port":')
    await expect(acquire()).rejects.toThrow(ConfigurationError)
    expect(await readFile(state, 'utf8')).toBe('{"port":')
    await rename(`${state}.kept`, state)

    expect(await acquire()).toMatchObject({ startedHere: true, fresh: false })
  })

  it('refuses a setting that would write more than one line of configuration', async () => {
    await expect(acquire({ work_mem: "4MB'\nfsync = 'off" })).rejects.toThrow(ConfigurationError)
    expect(await query((await acquire()).adminUrl, 'SHOW fsync')).toEqual([{ fsync: 'on' }])
  })

  it.runIf(process.platform !== 'win32')('refuses a folder whose name a shell would read as a command', async () => {
    const dataDir = join(home, '$(touch pwned)')
    await mkdir(dataDir)
    await expect(acquireEmbedded({ dataDir, logger })).rejects.toThrow(/use a path without/)
  })
})
