import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { violationsOf } from '../books.ts'
import { type Bench, type BenchOptions, type BenchResult, shown } from '../report.ts'
import { type BenchDatabase, type BenchServer, startServer } from '../server.ts'
import { component, openOrganizations, openWorld, refreshStatistics } from '../world.ts'
import { type ServedUrl, serve } from './child.ts'
import { untilEnqueued } from './enqueued.ts'
import { apiReport, faultsOf, READERS, type Round, SUBMITTERS } from './figures.ts'
import { askBalances, submitJobs } from './load.ts'
import { API_KEY, BARE_ENV, ORGANIZATIONS } from './terms.ts'

/** How much a run does, in seconds of each measurement; `quick` ends within 40 s on two cores, its start included. */
const QUICK = { rounds: 2, warmUpSeconds: 2, submitSeconds: 3, balanceSeconds: 3 }
const FULL = { rounds: 5, warmUpSeconds: 5, submitSeconds: 6, balanceSeconds: 6 }
/** What pg gives to whoever does not ask for another number; on two cores more gain nothing. */
const BARE_CONNECTIONS = 10

const COMPONENTS = [
  component('input', { kind: 'input_tokens' }, '0.15'),
  component('llm-in', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'input' }, '0.15'),
  component('llm-out', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'output' }, '0.60'),
  component('output', { kind: 'output_tokens' }, '1.00'),
]

/**
 * How many jobs the HTTP API takes, against a bare Express route that stores one row, and how fast it answers what
 * somebody has. Both servers are processes of their own, as a user starts them, and are asked in turns; no workers run, so
 * that what is measured is taking jobs, with their enqueueing behind it.
 */
export const apiBench: Bench = async (options) => {
  await using server = await startServer()
  const folder = await mkdtemp(join(tmpdir(), 'tollkeeper-bench-api-'))
  try {
    return await measure(server, join(folder, 'log'), options)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function measure(server: BenchServer, log: string, options: BenchOptions): Promise<BenchResult> {
  const database = await server.createDatabase('bench_api')
  await using world = await openWorld(database)
  await openOrganizations(world, ORGANIZATIONS, COMPONENTS)
  await refreshStatistics(world)
  options.progress(`${ORGANIZATIONS.length} organisations have money`)
  await using product = await serve('served.ts', productEnv(database), log)
  await using bare = await openBare(server, log)
  const { rounds, warmUpSeconds, submitSeconds, balanceSeconds } = options.quick ? QUICK : FULL
  for (const { url } of [bare, product]) await submitJobs(url, SUBMITTERS, warmUpSeconds)
  await untilEnqueued(world)
  options.progress('both servers are warm')
  const seen: Round[] = []
  for (let round = 1; round <= rounds; round += 1) {
    const reference = await submitJobs(bare.url, SUBMITTERS, submitSeconds)
    const submits = await submitJobs(product.url, SUBMITTERS, submitSeconds)
    const lagMs = await untilEnqueued(world)
    const balances = await askBalances(product.url, READERS, balanceSeconds)
    seen.push({ reference, submits, lagMs, balances })
    options.progress(`round ${round} of ${rounds}: ${told(seen.at(-1) as Round)}`)
  }
  await refreshStatistics(world)
  const violations = [...seen.flatMap(faultsOf), ...(await violationsOf(world))]
  options.progress('books checked')
  return { ...apiReport(seen), violations }
}

function productEnv({ appUrl, ownerUrl }: BenchDatabase): Readonly<Record<string, string>> {
  const env = { DATABASE_URL: appUrl, DATABASE_OWNER_URL: ownerUrl, ADMIN_API_KEY: API_KEY, PORT: '0', ROLE: 'api' }
  return { ...env, RATE_LIMIT_PER_MINUTE: '0' }
}

/** In a database of its own on the same server, whose table has no more than a job's text and whose it is. */
async function openBare(server: BenchServer, log: string): Promise<ServedUrl> {
  const { appUrl, ownerUrl } = await server.createDatabase('bench_bare')
  const owner = new pg.Client({ connectionString: ownerUrl })
  await owner.connect()
  await owner.query('create table bench_jobs (id uuid primary key, organization_id text not null, text text not null)')
  await owner.query('grant insert on bench_jobs to tollkeeper_app')
  await owner.end()
  const env = { [BARE_ENV.databaseUrl]: appUrl, [BARE_ENV.connections]: String(BARE_CONNECTIONS) }
  return serve('bare.ts', { ...env, NODE_ENV: 'production' }, log)
}

function told({ reference, submits, balances }: Round): string {
  const rates = `${shown(submits.perSecond)} submits/s, ${shown(reference.perSecond)} bare inserts/s`
  return `${rates}, balance p99 ${balances.p99Ms} ms`
}
