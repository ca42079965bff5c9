import { compose, type Tollkeeper } from '../../src/composition.ts'
import { readConfig } from '../../src/config/config.ts'
import type { Component } from '../../src/pricing/tariff.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { openProxy, type TcpProxy } from '../support/proxy.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import { type Backend, component, fundedOrganization } from '../support/tollkeeper.ts'
import { type ChaosProcess, type ProcessEntry, startProcess } from './chaos-process.ts'
import { type ModelServer, startModel } from './model-server.ts'
import { type OwnPostgres, startOwnPostgres } from './own-postgres.ts'

const AGENTS = 'test/fixtures/chaos/agents.ts'
export const ORGANIZATION = 'acme'

/** Enough kinds of line to see one charged twice; the fees are what a hold must cover beyond the tokens. */
export const PRICES: readonly Component[] = [
  component('input', { kind: 'input_tokens' }, '1.00'),
  component('alpha', { kind: 'agent', agent: 'alpha' }, '0.50'),
  component('beta', { kind: 'agent', agent: 'beta' }, '0.25'),
  component('output', { kind: 'output_tokens' }, '2.00'),
]

/** Nothing but a fee of 1.00 for the agent alpha, so that a hold is exactly its charge. */
export const FLAT_PRICE: readonly Component[] = [component('alpha', { kind: 'agent', agent: 'alpha' }, '1.00')]

export interface ChaosOptions {
  /** Of every process, beside database and queue. */
  readonly env?: Readonly<Record<string, string>>
  readonly entry?: ProcessEntry
  /** A server of the case's own, which may be killed. */
  readonly ownPostgres?: boolean
  /** Redis without its append-only file. */
  readonly forgetful?: boolean
  readonly money?: string
  readonly prices?: readonly Component[]
  /** Of the organisation's team. */
  readonly terms?: { readonly memberPrice: string; readonly maxTeamMembers: number }
}

/** One case's whole system: database, queue, model, proxies before the servers, and real processes. */
export interface ChaosWorld extends AsyncDisposable {
  readonly backend: Backend
  readonly database: TestDatabase
  readonly ownPostgres: OwnPostgres | undefined
  readonly redis: TestRedis | undefined
  readonly model: ModelServer
  /** The case's own view: no workers, straight to the servers. */
  readonly tollkeeper: Tollkeeper
  /** Before the database, for the processes that are told to go through it. */
  readonly databaseProxy: TcpProxy
  readonly redisProxy: TcpProxy | undefined
  readonly processes: readonly ChaosProcess[]
  /** A process with workers and API. @param env FAILPOINT and the like */
  start(env?: Readonly<Record<string, string>>, nodeOptions?: readonly string[]): Promise<ChaosProcess>
  /** The same behind the proxies. */
  startBehindProxy(env?: Readonly<Record<string, string>>): Promise<ChaosProcess>
  /** Submits jobs of the case's organisation from the case's own process. @returns their ids */
  submit(label: string, agents: readonly string[], count?: number): Promise<readonly string[]>
}

export async function openChaos(backend: Backend, options: ChaosOptions = {}): Promise<ChaosWorld> {
  await using opened = new AsyncDisposableStack()
  const own = options.ownPostgres ? await startOwnPostgres() : undefined
  const database: TestDatabase = own ?? (await testDatabase())
  opened.defer(() => database.drop())
  const redis = backend === 'redis' ? await startRedis({ appendOnly: !options.forgetful }) : undefined
  if (redis) opened.defer(() => redis.end())
  const model = await startModel()
  opened.defer(() => model.close())
  const databaseProxy = await proxyOf(database.appUrl, opened)
  const redisProxy = redis && (await proxyOf(redis.url, opened))
  const env: Record<string, string> = {
    NODE_ENV: 'test',
    DATABASE_URL: database.appUrl,
    PORT: '0',
    LOG_LEVEL: 'warn',
    RECONCILE_INTERVAL_MS: '500',
    AGENTS_MODULE: AGENTS,
    MODEL_URL: model.url,
    ...(redis ? { REDIS_URL: redis.url } : {}),
    ...options.env,
  }
  const tollkeeper = await compose({ config: readConfig({ ...env, LOG_LEVEL: 'silent' }) })
  opened.defer(() => tollkeeper.close())
  await fundedOrganization(
    tollkeeper,
    ORGANIZATION,
    options.money ?? '1000.00',
    options.prices ?? PRICES,
    options.terms,
  )
  const processes: ChaosProcess[] = []
  opened.defer(async () => {
    await Promise.all(processes.map((each) => each.kill()))
  })
  const start: ChaosWorld['start'] = async (more = {}, nodeOptions = []) => {
    const started = await startProcess({ ...env, ...more }, nodeOptions, options.entry)
    processes.push(started)
    return started
  }
  const closing = opened.move()
  return {
    ...{ backend, database, ownPostgres: own, redis, model, tollkeeper, databaseProxy, redisProxy, processes, start },
    startBehindProxy: (more = {}) => {
      const behind: Record<string, string> = { DATABASE_URL: through(databaseProxy, database.appUrl) }
      if (redis && redisProxy) behind.REDIS_URL = through(redisProxy, redis.url)
      return start({ ...behind, ...more })
    },
    async submit(label, agents, count = 1) {
      const texts = Array.from({ length: count }, (_, index) => `${label}${count > 1 ? `-${index}` : ''} some text`)
      const submitted = texts.map((text) => tollkeeper.service.submit({ organizationId: ORGANIZATION, text, agents }))
      return (await Promise.all(submitted)).map(({ id }) => id)
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  }
}

async function proxyOf(url: string, opened: AsyncDisposableStack): Promise<TcpProxy> {
  const { hostname, port } = new URL(url)
  const proxy = await openProxy({ host: hostname, port: Number(port) })
  opened.defer(() => proxy.close())
  return proxy
}

function through(proxy: TcpProxy, url: string): string {
  return Object.assign(new URL(url), { port: String(proxy.port) }).toString()
}
