import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type DataDir, freshDataDir, runCli, startCli } from './cli-process.ts'

let folder: DataDir

beforeAll(async () => {
  folder = await freshDataDir()
})
afterAll(() => folder.remove())

test('start answers on a fresh machine, works for other commands, and leaves nothing running', async () => {
  const env = { DATA_DIR: folder.path, PORT: '0', LOG_LEVEL: 'warn' }
  const server = startCli(['start', '--json'], env)
  const ended = once(server, 'exit')
  try {
    const [chunk] = await Promise.race([once(server.stdout ?? server, 'data'), pause(30_000, ['{}'])])
    const { url, board } = JSON.parse(String(chunk))
    expect((await fetch(`${url}/health/ready`)).status).toBe(200)
    expect(board).toBe(`${url}/admin/queues`)
    expect((await fetch(board)).headers.get('content-type')).toContain('text/html')
    const done = await runCli(['submit', '-', '--wait', '--no-workers', '--user', 'user-id'], env, 'Sample input data')
    expect(done.code, done.stderr).toBe(0)
    expect(done.stdout).toContain('Sample input data')
    expect(done.stdout).toMatch(/total 0\.\d+ USD/)
    const second = await runCli(['start'], { ...env, PORT: new URL(url).port })
    expect(second.code).toBe(1)
    expect(second.stderr).toMatch(/^configuration: .*EADDRINUSE.*PORT$/m)
    expect((await fetch(`${url}/health/ready`)).status, 'the first one runs on').toBe(200)
  } finally {
    server.kill('SIGTERM')
    await ended
  }
  expect(server.exitCode).toBe(0)
  expect(await folder.serverRuns()).toBe(false)
})

test('a command that is interrupted stops the PostgreSQL that it started', async () => {
  const waiting = startCli(['submit', '-', '--wait', '--no-workers'], { DATA_DIR: folder.path })
  const ended = once(waiting, 'exit')
  waiting.stdin?.end('Nobody works on this text.')
  const deadline = Date.now() + 20_000
  while (!(await folder.serverRuns()) && Date.now() < deadline) await pause(50)
  expect(await folder.serverRuns()).toBe(true)
  await pause(1_000)
  waiting.kill('SIGINT')
  await ended
  expect(waiting.exitCode).toBe(130)
  expect(await folder.serverRuns()).toBe(false)
})
