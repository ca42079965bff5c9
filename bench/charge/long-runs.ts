import { hasRedis, startRedis } from '../../test/support/redis.ts'
import { checkBooks, violationsOf } from '../books.ts'
import { type BenchOptions, type BenchResult, shown } from '../report.ts'
import type { BenchServer } from '../server.ts'
import { median, percentile } from '../statistics.ts'
import { openWorld, refreshStatistics } from '../world.ts'
import { type ChargeWorld, HOT, openChargeWorld } from './charge-world.ts'
import { fillLedger, ledgerRows } from './large-ledger.ts'
import { measureRecovery } from './recovery.ts'
import type { Counts } from './rounds.ts'
import { measureSettles } from './settles.ts'

const LOAD = { organizations: [HOT], callers: 500 }
const ROUNDS = 5
const LARGE_LEDGER_ROWS = 5_000_000
const KILLS_PER_BACKEND = 10

/** The same settles and the same reference without waiting for the disk, where the reference is steadier. */
export async function measureAsynchronous(
  server: BenchServer,
  counts: Counts,
  { progress }: BenchOptions,
): Promise<BenchResult> {
  const database = await server.createDatabase('bench_asynchronous', { synchronous_commit: 'off' })
  await using bench = await openChargeWorld(await openWorld(database))
  const { world, reference } = bench
  await reference.measure(counts.inserts)
  await measureSettles(world, LOAD, counts.settles)
  await refreshStatistics(world)
  const inserts: number[] = []
  const settles: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    inserts.push(await reference.measure(counts.inserts))
    settles.push((await measureSettles(world, LOAD, counts.settles)).settlesPerSecond)
  }
  progress('measured with synchronous_commit off')
  const details = {
    asynchronous_inserts_per_second: median(inserts),
    asynchronous_settles_per_second: median(settles),
    asynchronous_settle: median(settles) / median(inserts),
  }
  return { figures: [], details, violations: await violationsOf(world) }
}

/** Takes turns between a ledger of millions of rows and the small one of the rounds before, on the same server. */
export async function measureLargeLedger(
  server: BenchServer,
  small: ChargeWorld,
  counts: Counts,
  { progress }: BenchOptions,
): Promise<BenchResult> {
  await using large = await openChargeWorld(await openWorld(await server.createDatabase('bench_large')))
  await fillLedger(large.world, LARGE_LEDGER_ROWS, progress)
  const rows = await ledgerRows(large.world)
  await refreshStatistics(large.world)
  await measureSettles(large.world, LOAD, counts.settles)
  const onLarge: number[] = []
  const onSmall: number[] = []
  for (let round = 1; round <= ROUNDS; round += 1) {
    onSmall.push((await measureSettles(small.world, LOAD, counts.settles)).settlesPerSecond)
    onLarge.push((await measureSettles(large.world, LOAD, counts.settles)).settlesPerSecond)
    progress(`large ledger, round ${round} of ${ROUNDS}`)
  }
  const books = await checkBooks(large.world)
  const violations = [...(await violationsOf(small.world)), ...books.violations]
  progress('books of the large ledger checked')
  const details = { large_ledger_rows: rows, large_ledger_verify_rows_per_second: books.entries / books.seconds }
  const figure = {
    key: 'large_ledger',
    what: `a ledger of ${shown(rows)} rows, one hot organisation, 500 callers`,
    measured: `${shown(median(onLarge))} settles/s`,
    reference: `${shown(median(onSmall))} settles/s on a small ledger`,
    value: median(onLarge) / median(onSmall),
  } as const
  return { figures: [figure], details, violations }
}

/** Both queue backends, where redis-server is there; the figure is of all kills together. */
export async function measureRecoveries(server: BenchServer, { progress }: BenchOptions): Promise<BenchResult> {
  const byBackend: Record<string, readonly number[]> = {}
  const violations: string[] = []
  const measure = async (backend: string, redisUrl: string | null): Promise<void> => {
    const database = await server.createDatabase(`bench_recovery_${backend}`)
    const { seconds, world } = await measureRecovery(database, redisUrl, KILLS_PER_BACKEND)
    byBackend[backend] = seconds
    violations.push(...(await violationsOf(world)))
    await world[Symbol.asyncDispose]()
    progress(`${KILLS_PER_BACKEND} workers killed, queue on ${backend}`)
  }
  await measure('postgres', null)
  if (hasRedis()) {
    const redis = await startRedis()
    try {
      await measure('redis', redis.url)
    } finally {
      await redis.end()
    }
  }
  const all = Object.values(byBackend).flat()
  const figure = {
    key: 'recovery_p99_seconds',
    what: `from SIGKILL of a worker to its jobs charged by another, ${all.length} jobs`,
    measured: `${shown(percentile(all, 0.99))} s p99`,
    reference: `${shown(percentile(all, 0.5))} s p50`,
    value: percentile(all, 0.99),
  } as const
  const details = Object.fromEntries(
    Object.entries(byBackend).map(([backend, seconds]) => [
      `recovery_${backend}_p99_seconds`,
      percentile(seconds, 0.99),
    ]),
  )
  return { figures: [figure], details, violations }
}
