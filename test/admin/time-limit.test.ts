import { Agent, request as ask } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import express from 'express'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { problemHandler } from '../../src/admin/problem.ts'
import { type AdminServer, startAdminServer } from '../../src/admin/server.ts'
import { timeLimit, withoutTimeLimit } from '../../src/admin/time-limit.ts'
import { createLogger } from '../../src/foundation/logger.ts'

const LIMIT_MS = 150
const lines: string[] = []
const agent = new Agent({ keepAlive: true, maxSockets: 1 })

let server: AdminServer
beforeAll(async () => {
  const app = express()
  app.use(timeLimit(LIMIT_MS))
  app.get('/fast', (_req, res) => res.json({ done: true }))
  app.get('/late', async (_req, res) => {
    await pause(LIMIT_MS * 2)
    res.json({ done: true })
  })
  app.get('/allowed', async (_req, res) => {
    withoutTimeLimit(res)
    await pause(LIMIT_MS * 2)
    res.json({ done: true })
  })
  app.get('/stream', async (_req, res) => {
    res.write('one,')
    await pause(LIMIT_MS * 2)
    res.end('two')
  })
  const destination = { write: (line: string) => void lines.push(line) }
  app.use(problemHandler(createLogger('info', { destination })))
  server = await startAdminServer(app, { host: '127.0.0.1', port: 0 })
})
afterAll(async () => {
  agent.destroy()
  await server.close(0)
})

/** On one connection that is kept. */
async function get(path: string) {
  const { promise, resolve, reject } = Promise.withResolvers<import('node:http').IncomingMessage>()
  ask(server.url + path, { agent }, resolve)
    .on('error', reject)
    .end()
  const answer = await promise
  return { status: answer.statusCode, headers: answer.headers, body: await text(answer) }
}

test('what is not answered in time is 503, and its late answer disturbs nobody', async () => {
  const startedAt = performance.now()
  const late = await get('/late')
  expect(performance.now() - startedAt).toBeLessThan(LIMIT_MS * 1.9)
  expect(late.status).toBe(503)
  expect(late.headers['retry-after']).toBe('1')
  expect(JSON.parse(late.body)).toMatchObject({ code: 'unavailable', status: 503 })
  expect((await get('/fast')).body).toBe('{"done":true}')
  await pause(LIMIT_MS * 2)
  expect((await get('/fast')).body).toBe('{"done":true}')
  expect(lines.filter((line) => line.includes('an answer came too late'))).toHaveLength(1)
})

test('a stream that has begun, and what was exempted, may take longer', async () => {
  expect(await get('/stream')).toMatchObject({ status: 200, body: 'one,two' })
  expect(await get('/allowed')).toMatchObject({ status: 200, body: '{"done":true}' })
})
