import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openProxy, type TcpProxy } from './proxy.ts'

let proxy: TcpProxy
let heard: string[]
let echo: ReturnType<typeof createServer>
const clients: Socket[] = []

beforeEach(async () => {
  heard = []
  echo = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (bytes) => {
      heard.push(String(bytes))
      socket.write(bytes)
    })
  }).listen(0, '127.0.0.1')
  await once(echo, 'listening')
  const address = echo.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  proxy = await openProxy({ host: '127.0.0.1', port: address.port })
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy()
  await proxy.close()
  echo.close()
})

async function client(): Promise<{ socket: Socket; got: string[] }> {
  const socket = connect(proxy.port, '127.0.0.1')
  const got: string[] = []
  socket.on('data', (bytes) => got.push(String(bytes)))
  socket.on('error', () => undefined)
  clients.push(socket)
  await once(socket, 'connect')
  return { socket, got }
}

test('a frozen proxy forwards nothing and tells nobody, and a thawed one delivers late', async () => {
  const before = await client()
  proxy.freeze()
  const during = await client()
  before.socket.write('a')
  during.socket.write('b')
  await pause(100)
  expect(heard).toEqual([])
  expect(before.socket.destroyed || during.socket.destroyed).toBe(false)
  proxy.thaw()
  await expect.poll(() => [before.got, during.got]).toEqual([['a'], ['b']])
})

test('a stranded connection stays silent for ever, and new ones work', async () => {
  const old = await client()
  old.socket.write('a')
  await expect.poll(() => old.got).toEqual(['a'])
  proxy.strand()
  old.socket.write('b')
  const fresh = await client()
  fresh.socket.write('c')
  await expect.poll(() => fresh.got).toEqual(['c'])
  proxy.thaw()
  await pause(50)
  expect(old.got).toEqual(['a'])
  expect(heard).toEqual(['a', 'c'])
  expect(old.socket.destroyed).toBe(false)
})

test('dropped replies are lost, though the request arrived, also when replies pass again', async () => {
  const { socket, got } = await client()
  proxy.dropReplies(true)
  socket.write('a')
  await expect.poll(() => heard).toEqual(['a'])
  await pause(50)
  proxy.dropReplies(false)
  socket.write('b')
  await expect.poll(() => heard).toEqual(['a', 'b'])
  await pause(50)
  expect(got).toEqual([])
})

test('a cut resets every connection and welcomes new ones', async () => {
  const { socket } = await client()
  const closed = new Promise((resolve) => socket.once('close', resolve))
  proxy.cut()
  expect(await closed, 'the client hears of a reset, not of an end').toBe(true)
  expect(proxy.counts()).toEqual({ open: 0, accepted: 1 })
  const { socket: next, got } = await client()
  next.write('a')
  await expect.poll(() => got).toEqual(['a'])
  expect(proxy.counts()).toEqual({ open: 1, accepted: 2 })
})
