import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '../../src/foundation/ids.ts'
import { component, eventually, fundedOrganization, repeater } from '../support/tollkeeper.ts'
import { type Door, expectProblem, openDoor } from './open-door.ts'

const KEY = 'a-key-that-only-the-operator-has-0123456789'

let door: Door
beforeAll(async () => {
  door = await openDoor({}, { agents: [repeater] })
  await fundedOrganization(door.tollkeeper, 'rich', '100', [
    component('run', { kind: 'agent', agent: 'repeater' }, '0.10'),
  ])
  await fundedOrganization(door.tollkeeper, 'poor', '0.05', [
    component('run', { kind: 'agent', agent: 'repeater' }, '0.10'),
  ])
  await door.tollkeeper.startWorkers()
})
afterAll(() => door.close())

/** Each sample by its name with labels, and its value as it is written. */
async function scrape(): Promise<ReadonlyMap<string, string>> {
  const { status, headers, text } = await door.ask('/metrics')
  expect(status).toBe(200)
  expect(headers.get('Content-Type')).toMatch(/^text\/plain; version=0\.0\.4/)
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), line.slice(line.lastIndexOf(' ') + 1)]))
}

const submit = (organization_id: string) =>
  door.ask('/api/v1/jobs', { body: { organization_id, text: 'some words', agents: ['repeater'] } })

test('what was charged and rejected, what stands and what waited is told', { timeout: 60_000 }, async () => {
  for (const organization of ['rich', 'rich', 'poor']) expect((await submit(organization)).status).toBe(202)
  const seen = await eventually(
    scrape,
    (all) =>
      all.get('tollkeeper_jobs{state="charged"}') === '2' &&
      all.get('tollkeeper_jobs{state="rejected_for_balance"}') === '1',
  )
  expect(Object.fromEntries(seen)).toMatchObject({
    'tollkeeper_jobs{state="queued"}': '0',
    'tollkeeper_jobs{state="processing"}': '0',
    'tollkeeper_jobs{state="failed"}': '0',
    'tollkeeper_charged_nano_total{currency="USD"}': '200000000',
    'tollkeeper_charged_whole_total{currency="USD"}': '0',
    'tollkeeper_charged_rest_nano{currency="USD"}': '200000000',
    'tollkeeper_rejected_total{reason="insufficient"}': '1',
    tollkeeper_open_holds: '0',
    tollkeeper_oldest_hold_age_seconds: '0',
    'tollkeeper_organizations{status="active"}': '2',
    'tollkeeper_organizations{status="frozen"}': '0',
    'tollkeeper_queue_wait_seconds_count{queue="pipeline.input"}': '3',
    'tollkeeper_queue_jobs{queue="billing.rejected-for-balance",state="failed"}': '1',
    'tollkeeper_scrape_failed{part="work"}': '0',
    'tollkeeper_scrape_failed{part="ended"}': '0',
    'tollkeeper_scrape_failed{part="queue"}': '0',
    tollkeeper_event_streams: '0',
  })
  expect(Number(seen.get('tollkeeper_oldest_job_age_seconds{state="rejected_for_balance"}'))).toBeGreaterThan(0)
  expect(Number(seen.get('tollkeeper_batch_size_count'))).toBeGreaterThan(3)
  expect(Number(seen.get('tollkeeper_database_connections{pool="money",state="idle"}'))).toBeGreaterThan(0)
  expect(seen.has('process_resident_memory_bytes') && seen.has('nodejs_eventloop_lag_p99_seconds')).toBe(true)
})

test('a whole check of the books is told', async () => {
  expect((await door.ask('/api/v1/admin/verify')).body).toMatchObject({ ok: true })
  const seen = await scrape()
  for (const invariant of [1, 2, 3, 4, 5, 6, 7]) {
    expect(seen.get(`tollkeeper_verify_violations{invariant="${invariant}"}`)).toBe('0')
    expect(seen.get(`tollkeeper_verify_violations_total{invariant="${invariant}"}`)).toBe('0')
  }
  const when = Number(seen.get('tollkeeper_verify_last_run_timestamp_seconds{scope="all"}'))
  expect(Math.abs(when - Date.now() / 1_000)).toBeLessThan(30)
})

test('requests are told by pattern, method and class of status', async () => {
  await door.ask('/api/v1/balance?organization_id=rich')
  await door.ask('/api/v1/admin/organizations/rich')
  const seen = await scrape()
  expect(Number(seen.get('tollkeeper_http_requests_total{route="/api/v1/balance",method="GET",status="2xx"}'))).toBe(1)
  expect(
    Number(
      seen.get('tollkeeper_http_requests_total{route="/api/v1/admin/organizations/{id}",method="GET",status="2xx"}'),
    ),
  ).toBe(1)
  expect(Number(seen.get('tollkeeper_http_request_seconds_count{route="/api/v1/jobs",method="POST"}'))).toBe(3)
})

test('no caller makes series: odd paths, methods, organisations and jobs leave their number as it is', async () => {
  const flood = async (names: readonly string[]): Promise<void> => {
    for (const name of names) {
      await door.ask(`/${name}`)
      await door.ask(`/api/v1/${name}/x`, { method: 'PROPFIND' })
      await door.ask(`/api/v1/jobs/${newId()}`)
      await door.ask(`/api/v1/admin/organizations/${name}`)
      await door.ask(`/api/v1/balance?organization_id=${name}&${name}=1`)
      await door.ask(`/admin/queues/${name}`)
    }
  }
  await flood(['first', 'second'])
  const before = await scrape()
  await flood(Array.from({ length: 60 }, (_, number) => `odd-${number}`))
  const after = await scrape()
  expect([...after.keys()].filter((name) => !before.has(name))).toEqual([])
  expect(after.size).toBe(before.size)
  expect([...after.keys()].join()).not.toMatch(/odd-|rich|poor/)
})

test('every metric of ours is explained to operators', async () => {
  const { text } = await door.ask('/metrics')
  const names = [...text.matchAll(/^# TYPE (tollkeeper_\w+)/gm)].map(([, name]) => name)
  expect(names.length).toBeGreaterThan(20)
  const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')
  expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([])
})

describe('a scrape', () => {
  test('is answered from one reading for all who ask at once', async () => {
    const { figures } = door.tollkeeper
    const work = figures.work.bind(figures)
    let asked = 0
    figures.work = () => {
      asked += 1
      return work()
    }
    await pause(3_100)
    await Promise.all(Array.from({ length: 20 }, () => scrape()))
    expect(asked).toBe(1)
    figures.work = work
  })

  test('needs the key where there is one', async () => {
    const locked = await door.withKey(KEY)
    expectProblem(await locked.ask('/metrics'), 401, 'unauthorized')
    expect((await locked.ask('/metrics', { headers: { Authorization: `Bearer ${KEY}` } })).status).toBe(200)
  })
})
