import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAdminApp } from '../../src/admin/app.ts'
import { startAdminServer } from '../../src/admin/server.ts'
import { SharedCounts } from '../../src/admin/shared-counts.ts'
import { createLogger } from '../../src/foundation/logger.ts'
import { openRedisCommands } from '../../src/queues/redis-commands.ts'
import { hasRedis, startRedis, type TestRedis } from '../support/redis.ts'
import { eventually } from '../support/tollkeeper.ts'
import { type Door, expectProblem, openDoor } from './open-door.ts'

const KEY = 'a-key-that-only-the-operator-has-0123456789'
const BALANCE = '/api/v1/balance?organization_id=nobody'
const bearer = (key: string) => ({ headers: { Authorization: `Bearer ${key}` } })

async function refused(door: Pick<Door, 'ask'>): Promise<string> {
  const answer = await door.ask('/metrics')
  return answer.text.split('\n').find((line) => line.startsWith('tollkeeper_rate_limited_total{')) ?? ''
}

describe('with 5 requests a minute', () => {
  let door: Door
  beforeAll(async () => {
    door = await openDoor({ RATE_LIMIT_PER_MINUTE: '5' })
  })
  afterAll(() => door.close())

  test('the sixth is refused, says when to come again, and nothing was done', async () => {
    const before = await door.traces()
    for (let left = 4; left >= 0; left -= 1) {
      const answer = await door.ask(BALANCE)
      expectProblem(answer, 404, 'not-found')
      expect(answer.headers.get('RateLimit-Policy')).toMatch(/^"per-key"; q=5; w=60/)
      expect(answer.headers.get('RateLimit')).toMatch(new RegExp(`^"per-key"; r=${left}; t=\\d+`))
      expect(answer.headers.get('Retry-After')).toBeNull()
    }
    const sixth = await door.ask('/api/v1/admin/tariffs', { body: { name: 'too much' } })
    expectProblem(sixth, 429, 'rate-limited')
    const wait = Number(sixth.headers.get('Retry-After'))
    expect(wait).toBeGreaterThan(0)
    expect(wait).toBeLessThanOrEqual(60)
    expect(await door.traces()).toEqual(before)
    expect(await refused(door)).toBe('tollkeeper_rate_limited_total{limit="key"} 1')
  })

  test('health and metrics are always answered', async () => {
    for (let count = 0; count < 20; count += 1) {
      for (const path of ['/health/live', '/health/ready', '/metrics']) expect((await door.ask(path)).status).toBe(200)
    }
  })
})

test('without a limit nothing is counted or said', async () => {
  const door = await openDoor()
  try {
    for (let count = 0; count < 100; count += 1) {
      const { status, headers } = await door.ask(BALANCE)
      expect([status, headers.get('RateLimit')]).toEqual([404, null])
    }
  } finally {
    await door.close()
  }
})

test('wrong keys of one address are refused as too many after 60 a minute, and the right key is not', async () => {
  const door = await openDoor({ RATE_LIMIT_PER_MINUTE: '1000' })
  try {
    const { ask } = await door.withKey(KEY)
    const answers: number[] = []
    for (let count = 0; count < 62; count += 1) {
      const { status, headers } = await ask(BALANCE, bearer(`${KEY.slice(0, -3)}${100 + count}`))
      answers.push(status)
      expect(headers.get('RateLimit'), 'a refusal says nothing of what is left').toBeNull()
    }
    expect(answers).toEqual([...Array(60).fill(401), 429, 429])
    const late = await ask(BALANCE, bearer('wrong'))
    expectProblem(late, 429, 'rate-limited')
    expect(Number(late.headers.get('Retry-After'))).toBeGreaterThan(0)
    expectProblem(await ask(BALANCE), 401, 'unauthorized')
    expectProblem(await ask(BALANCE, bearer(KEY)), 404, 'not-found')
    const forged = { headers: { Authorization: 'Bearer wrong', 'X-Forwarded-For': '203.0.113.9' } }
    expectProblem(await ask(BALANCE, forged), 429, 'rate-limited')
    expect(await refused(door)).toBe('tollkeeper_rate_limited_total{limit="address"} 4')
  } finally {
    await door.close()
  }
})

describe.runIf(hasRedis())('with Redis', () => {
  test('several processes count together', async () => {
    const redis = await startRedis()
    const doors = await Promise.all([1, 2].map(() => openDoor({ RATE_LIMIT_PER_MINUTE: '6', REDIS_URL: redis.url })))
    try {
      const answers: number[] = []
      for (let round = 0; round < 4; round += 1) {
        for (const door of doors) answers.push((await door.ask(BALANCE)).status)
      }
      expect(answers).toEqual([404, 404, 404, 404, 404, 404, 429, 429])
    } finally {
      await Promise.all(doors.map((door) => door.close()))
      await redis.end()
    }
  })

  test('a process that starts while Redis is away lets everybody pass, and counts when it comes', async () => {
    const redis = await startRedis()
    await redis.down()
    const door = await openDoor({ RATE_LIMIT_PER_MINUTE: '3' })
    const commands = openRedisCommands(redis.url)
    const app = createAdminApp({ ...door.tollkeeper, sharedCounts: commands.send })
    const server = await startAdminServer(app, { host: '127.0.0.1', port: 0 })
    const ask = async (): Promise<number> => (await fetch(server.url + BALANCE)).status
    try {
      for (let count = 0; count < 10; count += 1) expect(await ask()).toBe(404)
      await redis.up()
      expect(await eventually(ask, (status) => status === 429)).toBe(429)
    } finally {
      await server.close(0)
      commands.close()
      await door.close()
      await redis.end()
    }
  })

  describe('that goes away', () => {
    let redis: TestRedis
    beforeAll(async () => {
      redis = await startRedis({ appendOnly: false })
    })
    afterAll(() => redis.end())

    test('everybody passes, which is logged once, until it is back', async () => {
      const lines: string[] = []
      const logger = createLogger('info', { destination: { write: (line: string) => void lines.push(line) } })
      const commands = openRedisCommands(redis.url)
      let passed = 0
      const counts = new SharedCounts(commands.send, logger, () => {
        passed += 1
      })
      counts.init({ windowMs: 60_000 } as Parameters<typeof counts.init>[0])
      const hits = async (): Promise<number> => (await counts.increment('a key')).totalHits
      try {
        expect([await hits(), await hits(), await hits()]).toEqual([1, 2, 3])
        expect(passed).toBe(0)
        await redis.down()
        const startedAt = performance.now()
        for (let count = 0; count < 200; count += 1) expect(await hits()).toBe(1)
        expect(performance.now() - startedAt).toBeLessThan(1_500)
        expect(passed).toBe(200)
        expect(lines.filter((line) => line.includes('all pass meanwhile'))).toHaveLength(1)
        await redis.up()
        await eventually(hits, (seen) => seen > 1)
        expect(lines.filter((line) => line.includes('in Redis again'))).toHaveLength(1)
      } finally {
        commands.close()
      }
    })
  })
})
