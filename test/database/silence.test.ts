import { setTimeout as pause } from 'node:timers/promises'
import type pg from 'pg'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { withAdvisoryLock } from '../../src/database/advisory-lock.ts'
import { Notifications } from '../../src/database/notifications.ts'
import { openMoneyPool } from '../../src/database/pool.ts'
import { isTransient } from '../../src/database/retry.ts'
import { watchPool } from '../../src/database/silence.ts'
import { createLogger } from '../../src/foundation/logger.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { openProxy, type TcpProxy } from '../support/proxy.ts'
import { eventually } from '../support/tollkeeper.ts'

const quiet = createLogger('silent')
const LOCK = 4_711

let database: TestDatabase
let proxy: TcpProxy
const pools: pg.Pool[] = []

beforeEach(async () => {
  database = await testDatabase()
  const { hostname, port } = new URL(database.appUrl)
  proxy = await openProxy({ host: hostname, port: Number(port) })
})
afterEach(async () => {
  await proxy.close()
  await Promise.all(pools.splice(0).map((pool) => pool.end()))
  await database.drop()
})

const through = (port: number): string => Object.assign(new URL(database.appUrl), { port: String(port) }).toString()
const open = (url: string): pg.Pool => {
  const pool = openMoneyPool(url, 4)
  pool.on('error', () => undefined)
  watchPool(pool, quiet)
  pools.push(pool)
  return pool
}

it('a connection that owes an answer for too long fails as a lost one, and its silent siblings with it', async () => {
  const pool = open(through(proxy.port))
  const [one, two] = await Promise.all([pool.connect(), pool.connect()])
  for (const client of [one, two]) client.on('error', () => undefined)
  await Promise.all([one.query('select 1'), two.query('select 1')])
  two.release()
  proxy.strand()
  const error = await one.query('select 1').catch((reason: unknown) => reason)
  one.release(true)
  expect(isTransient(error), String(error)).toBe(true)
  await eventually(
    async () => pool.totalCount,
    (count) => count === 0,
  )
  expect((await pool.query('select 1 as answer')).rows).toEqual([{ answer: 1 }])
})

it('a statement that computes for some seconds is left alone', async () => {
  const pool = open(through(proxy.port))
  expect((await pool.query('select pg_sleep(6), 1 as answer')).rows).toMatchObject([{ answer: 1 }])
})

it('the lock of a holder that fell silent goes to another one, and that of a busy holder does not', async () => {
  const [holder, other] = [open(through(proxy.port)), open(database.appUrl)]
  const over = Promise.withResolvers<string>()
  const begun = Promise.withResolvers<void>()
  const held = withAdvisoryLock(holder, LOCK, () => {
    begun.resolve()
    return over.promise
  })
  const ask = () => withAdvisoryLock(other, LOCK, async () => 'mine')
  await begun.promise
  expect(await ask()).toBeNull()
  await pause(10_000)
  expect(await ask(), 'it works for longer than the server waits for a silent one').toBeNull()
  proxy.strand()
  expect(await eventually(ask, (answer) => answer !== null)).toBe('mine')
  over.resolve('done')
  expect(await held, 'whoever lost it ends its work all the same').toBe('done')
}, 60_000)

it('a listener whose server is gone tries again at a steady pace', async () => {
  const front = await openProxy({ host: '127.0.0.1', port: proxy.port })
  const notices = new Notifications(through(front.port), quiet)
  await notices.open()
  const before = front.counts().accepted
  await proxy.close()
  await pause(4_000)
  const tries = front.counts().accepted - before
  expect(tries, 'one try each half second, not one more for each that failed').toBeLessThan(12)
  expect(tries).toBeGreaterThan(2)
  await notices.close()
  await front.close()
  const { hostname, port } = new URL(database.appUrl)
  proxy = await openProxy({ host: hostname, port: Number(port) })
})

it('a listener that was stranded hears again', async () => {
  const notices = new Notifications(through(proxy.port), quiet)
  const heard: string[] = []
  notices.on('tollkeeper_wake', (payload) => heard.push(payload))
  await notices.open()
  proxy.strand()
  const tell = async () => {
    await database.query(`select pg_notify('tollkeeper_wake', 'acme')`)
    return heard.length
  }
  await eventually(tell, (count) => count > 0, 30_000)
  expect(heard[0]).toBe('acme')
  await notices.close()
}, 60_000)
