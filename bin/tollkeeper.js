#!/usr/bin/env node
// Plain JavaScript that Node 18 can still read: the program itself needs Node 24, and where the running one is older,
// the one that is installed with our packages takes over.
import { spawn } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NEEDED_MAJOR = 24
/** Names the launcher to the Node that it started; gone from the environment before the program reads it. */
const LAUNCHER = 'NODE_LAUNCHER_PID'

const here = realpathSync(fileURLToPath(import.meta.url))

if (Number(process.versions.node.split('.')[0]) >= NEEDED_MAJOR) {
  dieWithLauncher()
  const compiled = new URL('../src/cli/program.js', import.meta.url)
  const source = new URL('../src/cli/program.ts', import.meta.url)
  const { main } = await import((existsSync(compiled) ? compiled : source).href)
  process.exitCode = await main(process.argv.slice(2))
} else {
  const node = bundledNode()
  if (node === undefined) {
    process.stderr.write(
      `tollkeeper needs Node ${NEEDED_MAJOR} or later and this is ${process.versions.node}: ` +
        'install a newer Node, or reinstall without --omit=optional to get the one that comes along\n',
    )
    process.exitCode = 1
  } else {
    relaunch(node)
  }
}

function bundledNode() {
  const platform = process.platform === 'win32' ? 'win' : process.platform
  const file = process.platform === 'win32' ? 'node.exe' : 'node'
  for (let folder = dirname(here); ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', `node-${platform}-${process.arch}`, 'bin', file)
    if (existsSync(candidate) && realpathSync(candidate) !== realpathSync(process.execPath)) return candidate
    if (folder === dirname(folder)) return undefined
  }
}

function relaunch(node) {
  const child = spawn(node, [...process.execArgv, here, ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, [LAUNCHER]: String(process.pid) },
  })
  const atTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY
  const forward = {
    SIGTERM: () => child.kill('SIGTERM'),
    // A terminal sends Ctrl-C to the whole group: sent on, the program would take it for an impatient second one.
    SIGINT: () => atTerminal || child.kill('SIGINT'),
  }
  for (const [signal, listener] of Object.entries(forward)) process.on(signal, listener)
  child.on('error', (error) => {
    process.stderr.write(`tollkeeper cannot run ${node}: ${error.message}; install Node ${NEEDED_MAJOR} or later\n`)
    process.exitCode = 1
  })
  child.on('exit', (code, signal) => {
    for (const [name, listener] of Object.entries(forward)) process.off(name, listener)
    if (signal === null) {
      process.exitCode = code
      return
    }
    process.exitCode = 128 + (constants.signals[signal] || 0)
    process.kill(process.pid, signal)
  })
}

/** Whoever kills the launcher means us: without this, a kill -9 would leave the program behind, unseen. */
function dieWithLauncher() {
  const launched = process.env[LAUNCHER] !== undefined && process.channel
  delete process.env[LAUNCHER]
  if (!launched) return
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
  process.channel.unref()
}
