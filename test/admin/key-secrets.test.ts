import { createHash } from 'node:crypto'
import { Writable } from 'node:stream'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAdminApp } from '../../src/admin/app.ts'
import { startAdminServer } from '../../src/admin/server.ts'
import { type Door, openDoor, publishedTariff } from './open-door.ts'

const OF_ACME = '/api/v1/admin/organizations/acme/api-keys'
const OF_ADMINS = '/api/v1/admin/api-keys'

let door: Door
let server: Awaited<ReturnType<typeof startAdminServer>>
let logged = ''
beforeAll(async () => {
  door = await openDoor()
  const sink = new Writable({
    write(chunk, _encoding, done) {
      logged += chunk
      done()
    },
  })
  const app = createAdminApp({ ...door.tollkeeper, logger: pino({ level: 'trace' }, sink) })
  server = await startAdminServer(app, { host: '127.0.0.1', port: 0 })
  await door.ask('/api/v1/admin/organizations', { body: { id: 'acme', tariff_id: await publishedTariff(door.ask) } })
})
afterAll(async () => {
  await server.close(0)
  await door.close()
})

/** Sends a request through the door whose log is read. @returns the whole answer as text */
async function send(
  path: string,
  body: object | null,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const type = { 'Content-Type': 'application/json' }
  const sent = body === null ? {} : { method: 'POST', body: JSON.stringify(body) }
  const response = await fetch(server.url + path, { ...sent, headers: { ...type, ...headers }, redirect: 'manual' })
  return JSON.stringify([...response.headers]) + (await response.text())
}

/** Every row of every table of ours and of the queue, as text. */
async function everything(): Promise<string> {
  const tables = await door.database.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname in ('tollkeeper', 'bullmq')`,
  )
  expect(tables.length).toBeGreaterThan(25)
  const texts = await Promise.all(
    tables.map(async ({ name }) => JSON.stringify(await door.database.query(`select t::text from ${name} t`))),
  )
  return texts.join('\n')
}

test('a secret is in the answer that makes it, and nowhere else; the hash of it in its own row alone', async () => {
  const made = [
    await send(OF_ACME, { name: 'tenant' }),
    await send(OF_ADMINS, { name: 'operator', role: 'operator' }),
    await send(OF_ADMINS, { name: 'admin', role: 'admin' }),
  ]
  const secrets = made.map((text) => /tk_[a-z]+_[0-9A-Za-z]{49}/.exec(text)?.[0] ?? expect.fail(text))
  const wrong = secrets.map((secret) => secret.replace(/.$/, (last) => (last === '0' ? '1' : '0')))
  const answers: string[] = []
  for (const secret of [...secrets, ...wrong]) {
    const basic = `Basic ${Buffer.from(`admin:${secret}`).toString('base64')}`
    for (const headers of [
      { Authorization: `Bearer ${secret}` },
      { Authorization: basic },
      { Authorization: secret },
    ]) {
      for (const path of [OF_ACME, OF_ADMINS, '/api/v1/admin/tariffs', '/admin/queues/api/queues', '/api/v1/nowhere']) {
        answers.push(await send(path, null, headers))
      }
      answers.push(await send(OF_ACME, { name: 5, [secret]: secret, user_id: secret }, headers))
    }
    answers.push(await send(`${OF_ADMINS}/x/rotate`, { overlap_seconds: secret }))
  }
  const rows = await everything()
  expect(logged.split('\n').length).toBeGreaterThan(answers.length)
  for (const secret of [...secrets, ...wrong]) {
    const hash = createHash('sha256').update(secret).digest()
    // What a client sends as a field's name comes back to it as the pointer of its error, and goes nowhere else.
    const others = answers.filter((text) => !text.includes('"unknown-field"'))
    for (const [where, text] of Object.entries({ logged, rows, answers: others.join('\n') })) {
      expect(text.includes(secret.slice(3, -6)), `${where} of a secret`).toBe(false)
      for (const encoding of ['base64', 'base64url'] as const) {
        expect(text.includes(hash.toString(encoding)), `${where} of a hash`).toBe(false)
      }
      const kept = where === 'rows' && secrets.includes(secret) ? 1 : 0
      expect(text.split(hash.toString('hex')).length - 1, `${where} of a hash in hex`).toBe(kept)
    }
  }
})
