import { get, type IncomingMessage } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAdminApp } from '../../src/admin/app.ts'
import { startAdminServer } from '../../src/admin/server.ts'
import type { InTenantTransaction } from '../../src/database/transaction.ts'
import { storyOrganization, tellJob, tellMoney } from '../managers/billed-story.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { type Door, expectProblem, openDoor } from './open-door.ts'

const LEDGER = '/api/v1/ledger?organization_id=acme'
const SEED = 41
const JOBS = 10
/** Some 20 MB as a table: more than sockets hold between a server and a reader that has stopped. */
const LONG = 60_000
const PART = 1_000

let door: Door
let before: unknown
beforeAll(async () => {
  door = await openDoor()
  const random = seededRandom(SEED)
  for (const id of ['acme', 'other', 'long']) await storyOrganization(door.tollkeeper, id)
  for (let job = 0; job < JOBS; job += 1) {
    await tellJob(door.tollkeeper, 'acme', random)
    await tellMoney(door.tollkeeper, 'acme', random)
  }
  before = await door.traces()
})
afterAll(() => door.close())

type Rows = readonly Readonly<Record<string, unknown>>[]
const entries = async (query = ''): Promise<Rows> => (await door.ask(`${LEDGER}&limit=200${query}`)).body.data

/** All pages, as a client turns them. */
async function pages(query: string): Promise<Rows> {
  const rows: Readonly<Record<string, unknown>>[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const { status, body } = await door.ask(`${LEDGER}${query}${cursor === '' ? '' : `&cursor=${cursor}`}`)
    expect(status).toBe(200)
    rows.push(...body.data)
    cursor = body.next_cursor
  }
  return rows
}

const cells = (row: Readonly<Record<string, unknown>>): string => Object.values(row).map(String).join()
const lines = (csv: string): readonly string[] => csv.split('\r\n').slice(0, -1)
const asTable = (rows: Rows): readonly string[] =>
  rows.map((row) => cells(Object.fromEntries(Object.entries(row).map(([name, cell]) => [name, cell ?? '']))))

describe('GET ledger', () => {
  it('is the same for the organisation itself and for its operator, page by page', async () => {
    const all = await pages('&limit=7')
    expect(all.map(({ seq }) => seq)).toEqual(all.map((_, index) => index + 1))
    expect(all.length).toBeGreaterThan(40)
    const admin = await door.ask('/api/v1/admin/organizations/acme/ledger?limit=200')
    expect(admin.text).toBe((await door.ask(`${LEDGER}&limit=200`)).text)
    expect(admin.body.data).toEqual(all.slice(0, 200))
  })

  it('is filtered by kind, job and time', async () => {
    const all = await pages('&limit=200')
    const some = all[Math.floor(all.length / 2)]
    const at = String(some?.created_at)
    const job = all.find(({ job_id }) => job_id !== null)?.job_id
    for (const [query, isWanted] of [
      ['&kind=charge', (row) => row.kind === 'charge'],
      ['&kind=write_off', (row) => row.kind === 'write_off'],
      [`&job_id=${String(job).toUpperCase()}`, (row) => row.job_id === job],
      [`&from=${at}`, (row) => String(row.created_at) >= at],
      [`&to=${at}`, (row) => String(row.created_at) < at],
      [`&kind=release&job_id=${job}&from=2000-01-01`, (row) => row.kind === 'release' && row.job_id === job],
      ['&to=2000-01-01', () => false],
    ] as const satisfies readonly (readonly [string, (row: Rows[number]) => boolean])[]) {
      expect([query, await pages(`${query}&limit=3`)]).toEqual([query, all.filter(isWanted)])
    }
    expect(await entries(`&job_id=${job}`)).not.toEqual([])
    expect((await door.ask(`/api/v1/ledger?organization_id=other&job_id=${job}`)).body.data).toEqual([])
  })

  it('goes on only in the list that a cursor was given in', async () => {
    const { next_cursor: cursor } = (await door.ask(`${LEDGER}&limit=1&kind=charge`)).body
    expect(cursor).not.toBeNull()
    expect((await door.ask(`${LEDGER}&limit=1&kind=charge&cursor=${cursor}`)).status).toBe(200)
    for (const query of ['', '&kind=hold', '&kind=charge&from=2000-01-01']) {
      expectProblem(await door.ask(`${LEDGER}${query}&cursor=${cursor}`), 400, 'invalid-cursor')
    }
    const other = `/api/v1/ledger?organization_id=other&kind=charge&cursor=${cursor}`
    expectProblem(await door.ask(other), 400, 'invalid-cursor')
  })

  it.each([
    ['&kind=gift', 400, 'invalid-query', ''],
    ['&job_id=7', 400, 'invalid-query', ''],
    ['&sort=-seq', 400, 'invalid-query', ''],
    ['&format=xml', 400, 'invalid-query', ''],
    ['&format=csv&limit=5', 400, 'invalid-query', ''],
    ['&limit=201', 400, 'invalid-query', ''],
    ['&cursor=x', 400, 'invalid-cursor', ''],
    ['&from=2026-02-30', 422, 'validation', '/from invalid-value'],
    ['&to=now', 422, 'validation', '/to invalid-value'],
    ['&from=2026-02-02&to=2026-02-02', 422, 'validation', '/from invalid-value'],
  ])('a ledger that is asked for with %s is answered %i %s', async (query, status, code, where) => {
    const answer = await door.ask(`${LEDGER}${query}`)
    expectProblem(answer, status, code)
    expect((answer.body.errors ?? []).map((error) => `${error.pointer} ${error.code}`).join()).toBe(where)
  })
})

describe('a ledger as a table', () => {
  it('has every entry, whole or filtered, by format or by Accept', async () => {
    const all = await pages('&limit=200')
    const csv = await door.ask(`${LEDGER}&format=csv`)
    expect(csv.headers.get('Content-Type')).toBe('text/csv; charset=utf-8; header=present')
    expect(csv.headers.get('Content-Disposition')).toBe('attachment; filename="ledger-acme.csv"')
    expect(csv.headers.get('Vary')).toContain('Accept')
    const [header, ...rows] = lines(csv.text)
    expect(header).toBe(Object.keys(all[0] ?? {}).join())
    expect(rows).toEqual(asTable(all))
    const accepted = await door.ask('/api/v1/admin/organizations/acme/ledger', { headers: { Accept: 'text/csv' } })
    expect(accepted.text).toBe(csv.text)
    const charges = await door.ask(`${LEDGER}&format=csv&kind=charge`)
    expect(lines(charges.text).slice(1)).toEqual(asTable(all.filter(({ kind }) => kind === 'charge')))
  })

  it('goes on behind a cursor, and is empty where nothing is wanted', async () => {
    const { next_cursor: cursor } = (await door.ask(`${LEDGER}&limit=5`)).body
    const rest = lines((await door.ask(`${LEDGER}&format=csv&cursor=${cursor}`)).text).slice(1)
    expect(rest).toEqual(asTable((await pages('&limit=200')).slice(5)))
    expect(lines((await door.ask(`${LEDGER}&format=csv&to=2000-01-01`)).text)).toHaveLength(1)
  })

  it('of nobody is refused before its first line, and headers alone make no table', async () => {
    const nobody = await door.ask('/api/v1/ledger?organization_id=nobody&format=csv')
    expectProblem(nobody, 404, 'not-found')
    const head = await door.ask(`${LEDGER}&format=csv`, { method: 'HEAD' })
    expect([head.status, head.text]).toEqual([200, ''])
    expect(await door.traces()).toEqual(before)
  })

  it('is read as its reader takes it, to where it ended when he came', { timeout: 60_000 }, async () => {
    await lengthen('long', LONG)
    const { tollkeeper } = door
    let reads = 0
    const inTenantTransaction: InTenantTransaction = (tenant, work) => {
      reads += 1
      return tollkeeper.inTenantTransaction(tenant, work)
    }
    await using server = await listening(createAdminApp({ ...tollkeeper, inTenantTransaction }))
    const response = await asked(`${server.url}/api/v1/ledger?organization_id=long&format=csv`)
    const stopped = await settled(() => reads)
    expect(stopped).toBeLessThan((LONG / PART) * 0.8)
    const ended = (await door.ask('/api/v1/balance?organization_id=long')).body.as_of_seq as number
    await tollkeeper.balances.topUp('long', { amount: 1n, reference: 'too late', note: null })
    const text = await textOf(response)
    expect(reads).toBe(Math.ceil(ended / PART))
    expect(lines(text)).toHaveLength(1 + ended)
    const seqs = lines(text).slice(1)
    expect(seqs.every((line, index) => line.split(',')[2] === String(index + 1))).toBe(true)
    expect(text).not.toContain('too late')
  })

  it('of a reader that goes away is not read to its end', async () => {
    let reads = 0
    const inTenantTransaction: InTenantTransaction = (tenant, work) => {
      reads += 1
      return door.tollkeeper.inTenantTransaction(tenant, work)
    }
    await using server = await listening(createAdminApp({ ...door.tollkeeper, inTenantTransaction }))
    const response = await asked(`${server.url}/api/v1/ledger?organization_id=long&format=csv`)
    response.destroy()
    const read = await settled(() => reads)
    expect(read).toBeGreaterThan(0)
    expect(read).toBeLessThan((LONG / PART) * 0.8)
    expect((await door.tollkeeper.verifier.verify({ organizationId: 'acme' })).violations).toEqual([])
  })
})

/** Entries that only a table is made of: what a year of a busy organisation leaves, without its jobs. */
async function lengthen(id: string, count: number): Promise<void> {
  await door.database.query(
    `insert into tollkeeper.ledger_entries (id, organization_id, seq, kind, debit_account, credit_account, amount, currency,
       available_after, held_after, business_key, reference, created_at)
     select gen_random_uuid(), b.organization_id, b.seq + n, 'top_up', 'funding', 'available', 1, 'USD',
       b.available + n, b.held, 'top-up long ' || n, repeat('r', 200) || n, now()
     from tollkeeper.organization_balances b, generate_series(1, $2::int) n where b.organization_id = $1`,
    [id, count],
  )
  await door.database.query(
    'update tollkeeper.organization_balances set seq = seq + $2, available = available + $2 where organization_id = $1',
    [id, count],
  )
}

async function listening(app: ReturnType<typeof createAdminApp>) {
  const server = await startAdminServer(app, { host: '127.0.0.1', port: 0 })
  return { url: server.url, [Symbol.asyncDispose]: () => server.close(0) }
}

/** An answer whose body nobody takes yet. */
function asked(url: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => void get(url, resolve).on('error', reject))
}

async function textOf(response: IncomingMessage): Promise<string> {
  response.setEncoding('utf8')
  let text = ''
  for await (const part of response) text += part
  return text
}

/** What a count stays at. */
async function settled(count: () => number): Promise<number> {
  for (let last = -1; last !== count(); ) {
    last = count()
    await wait(700)
  }
  return count()
}
