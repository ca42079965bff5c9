import { expect } from 'vitest'
import { createAdminApp } from '../../src/admin/app.ts'
import { startAdminServer } from '../../src/admin/server.ts'
import type { ComposeOptions } from '../../src/composition/options.ts'
import type { Tollkeeper } from '../../src/composition.ts'
import { openWorld, type World } from '../support/tollkeeper.ts'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body as JSON; `undefined` where it is none. Tests say what they expect of it. */
  readonly body: Json
}

/** Fields that tests look into; of which answer they are, the test says. */
export interface Json {
  readonly [field: string]: unknown
  readonly id: string
  readonly title: string
  readonly detail: string
  readonly request_id: string
  readonly errors: readonly { readonly pointer: string; readonly code: string; readonly detail: string }[]
  readonly data: readonly Readonly<Record<string, unknown>>[]
  readonly components: readonly Readonly<Record<string, unknown>>[]
  readonly next_cursor: string | null
}

export interface Request {
  readonly method?: string
  /** Sent as JSON; a string is sent as it is. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export type Ask = (path: string, request?: Request) => Promise<Answer>

export interface Door {
  readonly tollkeeper: Tollkeeper
  readonly database: World['database']
  readonly url: string
  readonly ask: Ask
  /** Opens a second door on the same parts, with this key. */
  withKey(adminApiKey: string): Promise<{ readonly ask: Ask; readonly url: string }>
  /** Another process's worth of the system on the same database, closed with the door. */
  anotherProcess(): Promise<Tollkeeper>
  /** Counts and sums of everything that a refused request must not have changed. */
  traces(): Promise<unknown>
  close(): Promise<void>
}

const TRACES = `
select (select count(*)::int from tollkeeper.tariff_plans) as plans,
  (select count(*)::int from tollkeeper.tariff_versions) as versions,
  (select jsonb_agg(c order by id) from tollkeeper.tariff_components c) as components,
  (select jsonb_agg(o order by id) from tollkeeper.organizations o) as organizations,
  (select jsonb_agg(b order by organization_id) from tollkeeper.organization_balances b) as balances,
  (select count(*)::int from tollkeeper.ledger_entries) as entries,
  (select jsonb_agg(m order by user_id) from tollkeeper.team_members m) as members,
  (select count(*)::int from tollkeeper.jobs) as jobs,
  (select jsonb_agg(t order by id) from tollkeeper.balance_thresholds t) as thresholds,
  (select jsonb_agg(a order by id) from tollkeeper.balance_alerts a) as alerts,
  (select jsonb_agg(to_jsonb(k) - 'last_used_at' order by id) from tollkeeper.api_keys k) as keys`

/** The whole product on a database of its own, without workers, behind a real socket. */
export async function openDoor(
  settings: Readonly<Record<string, string>> = {},
  { agents = [], ...options }: Pick<ComposeOptions, 'clock' | 'agents'> = {},
): Promise<Door> {
  const world = await openWorld('postgres', { LOG_LEVEL: 'silent', ...settings })
  const tollkeeper = await world.open(agents, options)
  const servers: { close(graceMs: number): Promise<void> }[] = []
  const listen = async (adminApiKey: string | undefined) => {
    const app = createAdminApp({ ...tollkeeper, config: { ...tollkeeper.config, adminApiKey } })
    const server = await startAdminServer(app, { host: '127.0.0.1', port: 0 })
    servers.push(server)
    return { url: server.url, ask: asker(server.url) }
  }
  const open = await listen(undefined)
  return {
    tollkeeper,
    database: world.database,
    ...open,
    withKey: listen,
    anotherProcess: () => world.open([], options),
    async traces() {
      const [row] = await tollkeeper.em().execute<unknown[]>(TRACES)
      return row
    },
    async close() {
      for (const server of servers) await server.close(0)
      await world.close()
    },
  }
}

function asker(url: string): Ask {
  return async (path, { method, body, headers = {} } = {}) => {
    const json = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }
    const type = body === undefined ? {} : { 'Content-Type': 'application/json' }
    const verb = method ?? (body === undefined ? 'GET' : 'POST')
    const response = await fetch(url + path, {
      method: verb,
      ...json,
      headers: { ...type, ...headers },
      redirect: 'manual',
    })
    const text = await response.text()
    const isJson = /json/.test(response.headers.get('Content-Type') ?? '')
    return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined }
  }
}

/** The shape that every refusal has, and that nothing of our inside stands in it. */
export function expectProblem(answer: Answer, status: number, code: string): void {
  expect(answer.headers.get('Content-Type')).toMatch(/^application\/problem\+json/)
  expect(answer.body).toMatchObject({ type: `/problems/${code}`, code, status })
  expect(answer.status).toBe(status)
  expect(answer.body.title.length).toBeGreaterThan(3)
  expect(answer.body.detail.length).toBeGreaterThan(3)
  expect(answer.body.request_id).toBe(answer.headers.get('X-Request-Id'))
  expect('errors' in answer.body).toBe(code === 'validation')
  expect(answer.text).not.toMatch(/node_modules|\bat .*\.ts:\d|select |insert |tollkeeper\./)
}

/** A published tariff with a fee per agent run only. @returns its id */
export async function publishedTariff(ask: Ask, more: object = {}): Promise<string> {
  const component = { key: 'run', kind: 'agent', agent: 'extractor', price: '0.10' }
  const answer = await ask('/api/v1/admin/tariffs', {
    body: { name: 'Runs', components: [component], publish: true, ...more },
  })
  expect(answer.status).toBe(201)
  return String(answer.body.id)
}
