import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAdminApp } from '../../src/admin/app.ts'
import { startAdminServer } from '../../src/admin/server.ts'
import { createLogger } from '../../src/foundation/logger.ts'
import { type Door, openDoor } from './open-door.ts'

const CANARY = 'canary7f3a'

let door: Door
beforeAll(async () => {
  door = await openDoor()
})
afterAll(() => door.close())

/** What is logged, as JSON, while a door of its own answers. */
async function logged(ask: (url: string) => Promise<unknown>): Promise<readonly Record<string, unknown>[]> {
  const lines: string[] = []
  const logger = createLogger('debug', { destination: { write: (line: string) => void lines.push(line) } })
  const server = await startAdminServer(createAdminApp({ ...door.tollkeeper, logger }), { host: '127.0.0.1', port: 0 })
  await ask(server.url)
  await server.close(1_000)
  return lines.map((line) => JSON.parse(line))
}

test('a request is one line with its id, which the answer bears; its key, text and unknown parameters are not in it', async () => {
  const [line, ...others] = await logged(async (url) => {
    const path = `/api/v1/jobs?limit=5&cursor=${CANARY}&api_key=${CANARY}&tk_admin_${CANARY}0123`
    const answer = await fetch(url + path, {
      method: 'POST',
      body: JSON.stringify({ organization_id: 'nobody', text: CANARY }),
      headers: {
        'Content-Type': 'application/json',
        Authorization: `Bearer ${CANARY}`,
        'X-Request-Id': 'from-a-proxy',
      },
    })
    expect(answer.headers.get('X-Request-Id')).toBe('from-a-proxy')
    expect(await answer.json()).toMatchObject({ status: 401, request_id: 'from-a-proxy' })
  })
  expect(others).toEqual([])
  expect(line).toMatchObject({ req: { id: 'from-a-proxy', method: 'POST' }, res: { statusCode: 401 } })
  expect(JSON.stringify(line)).toContain('"url":"/api/v1/jobs?limit=5&cursor=[cut]&api_key=[cut]&')
  expect(JSON.stringify(line)).not.toContain(CANARY)
})

test('what fails deep below is logged with the id of its request, and without the row that it failed over', async () => {
  const { query } = door.database
  await query('alter table tollkeeper.tariff_plans add constraint odd check (false) not valid')
  const seen = await logged(async (url) => {
    const answer = await fetch(`${url}/api/v1/admin/tariffs`, {
      method: 'POST',
      body: JSON.stringify({ name: CANARY }),
      headers: { 'Content-Type': 'application/json', 'X-Request-Id': 'the-failing-one' },
    })
    expect(await answer.json()).toMatchObject({ status: 500, request_id: 'the-failing-one' })
  })
  await query('alter table tollkeeper.tariff_plans drop constraint odd')
  const failure = seen.find((line) => line.msg === 'a request failed')
  expect(failure).toMatchObject({ requestId: 'the-failing-one', err: { code: '23514', constraint: 'odd' } })
  expect(JSON.stringify(seen)).not.toContain(CANARY)
})

test('probes and scrapes are logged at debug only', async () => {
  const seen = await logged(async (url) => {
    for (const path of ['/health/live', '/health/ready', '/metrics']) await (await fetch(url + path)).text()
  })
  expect(seen.map(({ level }) => level)).toEqual([20, 20, 20])
})
