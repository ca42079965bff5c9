import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAdminApp } from '../../src/admin/app.ts'
import { startAdminServer } from '../../src/admin/server.ts'
import { eventually } from '../support/tollkeeper.ts'
import { type Door, openDoor } from './open-door.ts'

const KEY = 'a-key-that-only-the-operator-has-0123456789'
const TARIFFS = '/api/v1/admin/tariffs'
const OF_ADMINS = '/api/v1/admin/api-keys'

let door: Door
beforeAll(async () => {
  door = await openDoor()
})
afterAll(() => door.close())

/** By hand, as the owner: no process is told. */
const changeKey = (sql: string, id: string) => door.database.query(sql, [id])

async function operatorKey(name: string): Promise<{ readonly id: string; readonly secret: string }> {
  const { status, body } = await door.ask(OF_ADMINS, { body: { name, role: 'operator' } })
  expect(status).toBe(201)
  return { id: body.id, secret: String(body.secret) }
}

describe('a key that is revoked', () => {
  let processes: { readonly ask: (secret: string) => Promise<number>; close(): Promise<unknown> }[]
  beforeAll(async () => {
    processes = await Promise.all([open(), open()])
  })
  afterAll(() => Promise.all(processes.map((process) => process.close())))

  /** Another process's worth of the system on the same database, behind a door of its own. */
  async function open() {
    const tollkeeper = await door.anotherProcess()
    const config = { ...tollkeeper.config, adminApiKey: KEY }
    const server = await startAdminServer(createAdminApp({ ...tollkeeper, config }), { host: '127.0.0.1', port: 0 })
    return {
      ask: async (secret: string) =>
        (await fetch(server.url + TARIFFS, { headers: { Authorization: `Bearer ${secret}` } })).status,
      close: () => server.close(0),
    }
  }

  /** Milliseconds until every process refuses it; each is asked again and again, so that each remembers it. */
  async function untilRefused(secret: string, revoke: () => Promise<unknown>): Promise<number> {
    for (const { ask } of processes) expect(await ask(secret)).toBe(200)
    const since = performance.now()
    const refused = Promise.all(
      processes.map(async ({ ask }) => {
        while ((await ask(secret)) !== 401) await sleep(5)
        return performance.now() - since
      }),
    )
    await revoke()
    const times = await refused
    for (const { ask } of processes) expect(await ask(secret)).toBe(401)
    return Math.max(...times)
  }

  test('is refused by every process within a second', async () => {
    const { id, secret } = await operatorKey('revoked')
    const listener = new pg.Client({ connectionString: door.database.appUrl })
    await listener.connect()
    const heard: (string | undefined)[] = []
    listener.on('notification', ({ payload }) => heard.push(payload))
    await listener.query('listen tollkeeper_keys')
    const time = await untilRefused(secret, () => door.ask(`${OF_ADMINS}/${id}`, { method: 'DELETE' }))
    expect(time).toBeLessThan(1_000)
    await eventually(
      async () => heard,
      (all) => all.length > 0,
    )
    expect(heard).toEqual([id])
    await listener.end()
  })

  test('also where every notice is lost', async () => {
    const { id, secret } = await operatorKey('unheard')
    const silently = 'update tollkeeper.api_keys set revoked_at = now() where id = $1'
    expect(await untilRefused(secret, () => changeKey(silently, id))).toBeLessThan(1_000)
  })
})
