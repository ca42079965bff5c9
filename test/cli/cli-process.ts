import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

const ROOT = join(import.meta.dirname, '..', '..')
const LAUNCHER = join(ROOT, 'bin', 'tollkeeper.js')

type Env = Readonly<Record<string, string>>

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Starts Node on a file in the repository's folder, with the settings given and no other of ours. */
function startNode(args: readonly string[], env: Env): ChildProcess {
  const { PATH = '', HOME = tmpdir() } = process.env
  return spawn(process.execPath, [...args], { cwd: ROOT, env: { PATH, HOME, ...env } })
}

export async function runNode(args: readonly string[], env: Env, input = ''): Promise<Ended> {
  const child = startNode(args, env)
  const { stdin, stdout, stderr } = child
  if (!stdin || !stdout || !stderr) throw new Error('the child has pipes')
  // A command that refuses its arguments ends before it reads.
  stdin.on('error', () => undefined).end(input)
  const [out, err] = await Promise.all([text(stdout), text(stderr), once(child, 'exit')])
  return { code: child.exitCode, stdout: out, stderr: err }
}

/** One command of the CLI, through its launcher, as a user runs it. */
export function runCli(args: readonly string[], env: Env, input = ''): Promise<Ended> {
  return runNode([LAUNCHER, ...args], env, input)
}

export function startCli(args: readonly string[], env: Env): ChildProcess {
  return startNode([LAUNCHER, ...args], env)
}

/** A fresh data folder, where an embedded PostgreSQL is made by whatever starts first. */
export interface DataDir {
  readonly path: string
  /** Whether its PostgreSQL runs. */
  serverRuns(): Promise<boolean>
  remove(): Promise<void>
}

export async function freshDataDir(): Promise<DataDir> {
  const path = await mkdtemp(join(tmpdir(), 'tollkeeper-cli-'))
  // PostgreSQL's account must reach it when the tests run as root.
  await chmod(path, 0o755)
  const folder = async (): Promise<string> => {
    const { elsewhere } = JSON.parse(await readFile(join(path, 'embedded.json'), 'utf8'))
    return elsewhere ?? join(path, 'postgres')
  }
  return {
    path,
    serverRuns: async () => existsSync(join(await folder(), 'data', 'postmaster.pid')),
    async remove() {
      const outside = await folder().catch(() => path)
      await rm(outside, { recursive: true, force: true })
      await rm(path, { recursive: true, force: true })
    },
  }
}
