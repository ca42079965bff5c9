import { hasRedis, startRedis } from '../../test/support/redis.ts'
import { violationsOf } from '../books.ts'
import { type Bench, type BenchOptions, type BenchResult, type Figure, shown } from '../report.ts'
import { type BenchDatabase, type BenchServer, startServer } from '../server.ts'
import { median } from '../statistics.ts'
import { openOrganizations, openWorld, refreshStatistics, type World } from '../world.ts'
import { measureCharged, measureLatency, PAYER } from './charged.ts'
import { measureNoOp } from './no-op.ts'
import { CONCURRENCY, type QueueOf } from './queue-terms.ts'
import { AGENTS, CHAIN, FLOW, PRICES, type Shape } from './shapes.ts'

type Backend = 'postgres' | 'redis'

/** How long one measurement should take, in seconds; `quick` ends within 40 s on two cores, its start included. */
const QUICK = { rounds: 2, seconds: 0.8, latencySeconds: 1.5 }
const FULL = { rounds: 5, seconds: 5, latencySeconds: 15 }
const JOBS_MAX = 10_000
/** Enough for the compiler of Node to have seen every path often. */
const WARM_UP = 200
const BACKEND_NAMES = { postgres: 'PostgreSQL', redis: 'Redis' } as const

/** What billing costs a pipeline: charged jobs against jobs that do nothing, on the same queue. */
export const pipelineBench: Bench = async (options) => {
  await using server = await startServer()
  const results = [await measureBackend(server, 'postgres', null, options)]
  if (hasRedis()) {
    const [redis, empty] = await Promise.all([startRedis(), startRedis()])
    try {
      results.push(await measureBackend(server, 'redis', { charged: redis.url, noOp: empty.url }, options))
    } finally {
      await Promise.all([redis.end(), empty.end()])
    }
  }
  return {
    figures: results.flatMap(({ figures }) => figures),
    details: Object.assign({}, ...results.map(({ details }) => details)),
    violations: results.flatMap(({ violations }) => violations),
  }
}

/** Each has queues of its own, so that neither meets what the other left. */
interface RedisUrls {
  readonly charged: string
  readonly noOp: string
}

async function measureBackend(
  server: BenchServer,
  backend: Backend,
  redis: RedisUrls | null,
  options: BenchOptions,
): Promise<BenchResult> {
  const scale = options.quick ? QUICK : FULL
  const database = await server.createDatabase(`bench_pipeline_${backend}`)
  const { appUrl } = await server.createDatabase(`bench_no_op_${backend}`)
  const noOp: QueueOf = { appUrl, redisUrl: redis?.noOp ?? null }
  await using world = await openWorkers(database, redis?.charged ?? null)
  const chain = await measureShape(world, noOp, CHAIN, backend, options)
  const p95 = await measureLatency(world, CHAIN, chain.chargedPerSecond / 2, scale.latencySeconds)
  options.progress(`${backend}: half load`)
  const flow = await measureShape(world, noOp, FLOW, backend, options)
  const violations = await violationsOf(world)
  options.progress(`${backend}: books checked`)
  const details = {
    ...chain.details,
    ...flow.details,
    [`pipeline_${backend}_half_load_jobs_per_second`]: chain.chargedPerSecond / 2,
    [`pipeline_${backend}_half_load_p95_ms`]: p95,
  }
  return { figures: [chain.figure, flow.figure], details, violations }
}

/** The product with its workers in this process, and somebody who pays. */
async function openWorkers(database: BenchDatabase, redisUrl: string | null): Promise<World> {
  // The sweep repairs what is lost; jobs that wait to be measured are not lost, so it comes once, before there are any.
  const env: Record<string, string> = { RECONCILE_INTERVAL_MS: '3600000', WORKER_CONCURRENCY: String(CONCURRENCY) }
  if (redisUrl !== null) env.REDIS_URL = redisUrl
  const world = await openWorld(database, env, AGENTS)
  await openOrganizations(world, [PAYER], PRICES)
  await world.tollkeeper.startWorkers()
  return world
}

interface ShapeResult {
  readonly figure: Figure
  readonly chargedPerSecond: number
  readonly details: Readonly<Record<string, number>>
}

async function measureShape(
  world: World,
  noOp: QueueOf,
  shape: Shape,
  backend: Backend,
  { quick, progress }: BenchOptions,
): Promise<ShapeResult> {
  const { rounds, seconds } = quick ? QUICK : FULL
  const forSeconds = (perSecond: number): number => Math.min(JOBS_MAX, Math.ceil(perSecond * seconds))
  const charged: number[] = []
  const nothing: number[] = []
  const nothings = forSeconds(await measureNoOp(noOp, shape, WARM_UP, 'plain'))
  const gathered: number[] = []
  const jobs = forSeconds(await measureCharged(world, shape, WARM_UP))
  await refreshStatistics(world)
  for (let round = 1; round <= rounds; round += 1) {
    nothing.push(await measureNoOp(noOp, shape, nothings, 'plain'))
    charged.push(await measureCharged(world, shape, jobs))
    if (!quick) gathered.push(await measureNoOp(noOp, shape, nothings, 'gathered'))
    progress(`${backend}: ${shape.what}, round ${round} of ${rounds}`)
  }
  const key = `${shape.name}_${backend}` as const
  const [measured, reference] = [median(charged), median(nothing)]
  return {
    figure: {
      key,
      what: `${shape.what}, queue on ${BACKEND_NAMES[backend]}`,
      measured: `${shown(measured)} charged jobs/s`,
      reference: `${shown(reference)} jobs/s that do nothing`,
      value: measured / reference,
    },
    chargedPerSecond: measured,
    details: {
      [`${key}_charged_per_second`]: measured,
      [`${key}_no_op_per_second`]: reference,
      ...(gathered.length > 0 && { [`${key}_no_op_of_our_queue_layer_per_second`]: median(gathered) }),
    },
  }
}
