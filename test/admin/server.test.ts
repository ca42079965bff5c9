import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startAdminServer } from '../../src/admin/server.ts'

const GET = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'

/** A kept connection, and all that was heard on it. */
async function open(url: string): Promise<{ readonly socket: Socket; heard(): string; readonly ended: Promise<void> }> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  const heard: string[] = []
  socket.on('data', (bytes) => void heard.push(String(bytes))).on('error', () => undefined)
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await once(socket, 'connect')
  return { socket, heard: () => heard.join(''), ended }
}

const start = (ms: number) =>
  startAdminServer(
    (_req, res) => {
      setTimeout(() => res.end('done'), ms)
    },
    { host: '127.0.0.1', port: 0 },
  )

test('what runs is answered as the last on its connection, what comes on a kept one too, and nobody else gets in', async () => {
  const server = await start(300)
  const [running, resting] = [await open(server.url), await open(server.url)]
  resting.socket.write(GET)
  await pause(400)
  expect(resting.heard()).toMatch(/Connection: keep-alive[\s\S]*done$/)
  running.socket.write(GET)
  await pause(50)
  const closed = server.close(5_000)
  await expect(open(server.url)).rejects.toThrow('ECONNREFUSED')
  await pause(100)
  resting.socket.write(GET)
  await Promise.all([running.ended, resting.ended])
  for (const { heard } of [running, resting]) {
    expect(heard()).toMatch(/HTTP\/1\.1 200 OK\r\n(?:.+\r\n)*Connection: close\r\n(?:.+\r\n)*\r\ndone$/)
  }
  await closed
})

test('a connection on which nothing comes is ended long before the grace is over', async () => {
  const server = await start(0)
  const idle = await open(server.url)
  idle.socket.write(GET)
  await pause(50)
  const startedAt = performance.now()
  await server.close(10_000)
  expect(performance.now() - startedAt).toBeLessThan(2_000)
  await idle.ended
})

test('a body that comes too slowly is answered with 408, and its connection ended', async () => {
  const server = await startAdminServer((req, res) => void req.resume().on('end', () => res.end('done')), {
    host: '127.0.0.1',
    port: 0,
    requestTimeoutMs: 300,
  })
  const slow = await open(server.url)
  slow.socket.write('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n')
  const drip = setInterval(() => slow.socket.write('x'), 50)
  await slow.ended
  clearInterval(drip)
  expect(slow.heard()).toMatch(/^HTTP\/1\.1 408 [\s\S]*"code":"timeout"/)
  await server.close(0)
})

test('what does not end within the grace is cut', async () => {
  const server = await start(60_000)
  const stuck = await open(server.url)
  stuck.socket.write(GET)
  await pause(50)
  const startedAt = performance.now()
  await server.close(300)
  expect(performance.now() - startedAt).toBeLessThan(1_000)
  await stuck.ended
  expect(stuck.heard()).toBe('')
})
