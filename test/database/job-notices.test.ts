import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { JobNotices } from '../../src/database/job-notices.ts'
import { openMoneyPool } from '../../src/database/pool.ts'
import { newId } from '../../src/foundation/ids.ts'
import { createLogger } from '../../src/foundation/logger.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { openProxy } from '../support/proxy.ts'
import { eventually } from '../support/tollkeeper.ts'

const quiet = createLogger('silent')

let database: TestDatabase
let listener: pg.Client
const heard: string[] = []

beforeAll(async () => {
  database = await testDatabase()
  listener = new pg.Client({ connectionString: database.ownerUrl })
  await listener.connect()
  listener.on('notification', ({ payload }) => void heard.push(...(payload ?? '').split(',')))
  await listener.query('listen tollkeeper_jobs')
})
afterAll(async () => {
  await listener.end()
  await database.drop()
})

const ids = (count: number): string[] => Array.from({ length: count }, () => newId())

it('every job that changed is named, however many change at once', async () => {
  const pool = openMoneyPool(database.appUrl, 1)
  const notices = new JobNotices(pool, quiet)
  const [first, many, last] = [ids(1), ids(1_001), ids(3)]
  for (const changed of [first, [], many, last]) notices.announce(changed)
  await notices.drain()
  const all = [...first, ...many, ...last]
  await eventually(
    async () => heard.length,
    (count) => count >= all.length,
  )
  expect(heard.splice(0)).toEqual(all)
  await pool.end()
})

it('while the database is away nobody is told and nothing fails; of what changes afterwards everybody is', async () => {
  const { hostname, port } = new URL(database.appUrl)
  const proxy = await openProxy({ host: hostname, port: Number(port) })
  const pool = openMoneyPool(Object.assign(new URL(database.appUrl), { port: String(proxy.port) }).toString(), 1)
  pool.on('error', () => undefined)
  const notices = new JobNotices(pool, quiet)
  proxy.freeze()
  notices.announce(ids(2))
  await eventually(
    async () => proxy.counts().open,
    (open) => open > 0,
  )
  proxy.cut()
  await notices.drain()

  proxy.thaw()
  const [changed] = ids(1) as [string]
  notices.announce([changed])
  await eventually(
    async () => heard.length,
    (count) => count > 0,
  )
  expect(heard.splice(0)).toEqual([changed])
  await pool.end()
  await proxy.close()
})
