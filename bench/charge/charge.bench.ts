import { checkBooks, verifyRate } from '../books.ts'
import type { Bench, BenchOptions, BenchResult } from '../report.ts'
import { type BenchServer, startServer } from '../server.ts'
import { openWorld } from '../world.ts'
import { type ChargeWorld, HOT, openChargeWorld } from './charge-world.ts'
import { idleDetails, idleFigure, throughputDetails, throughputFigures, verifyFigure } from './figures.ts'
import { measureIdle } from './idle.ts'
import { measureAsynchronous, measureLargeLedger, measureRecoveries } from './long-runs.ts'
import { type Counts, chooseCounts, measureRound, type Round } from './rounds.ts'

/** How much a run does; `quick` ends within 40 s on two cores, its start included. */
const QUICK = { rounds: 3, seconds: 0.33, idle: { calls: 1_000, seconds: 4 } }
const FULL = { rounds: 7, seconds: 3, idle: { calls: 5_000, seconds: 60 } }

const VERIFY_RUNS = 3

/** The ORM's settles change what the money path changes, and are not to pay for the guard against repairs by hand. */
const ORM_AS_MONEY_PATH = { 'tollkeeper.money_path': 'on' }

/** How fast the money path is, against what this machine's PostgreSQL can commit at all. */
export const chargeBench: Bench = async (options) => {
  await using server = await startServer()
  options.progress('an empty PostgreSQL, with fsync and synchronous_commit on, is up')
  await using bench = await openChargeWorld(
    await openWorld(await server.createDatabase('bench_charge', ORM_AS_MONEY_PATH)),
  )
  options.progress('1,001 organisations have money')
  const counts = await chooseCounts(bench, (options.quick ? QUICK : FULL).seconds)
  options.progress(`warm; a measurement is ${counts.inserts} inserts, ${counts.settles} settles`)
  const short = await measureShort(bench, counts, options)
  // Awaited here: what this function opened is closed when it returns.
  return options.quick ? short : await withLongRuns(server, bench, counts, short, options)
}

async function measureShort(bench: ChargeWorld, counts: Counts, options: BenchOptions): Promise<BenchResult> {
  const scale = options.quick ? QUICK : FULL
  const rounds: Round[] = []
  for (let round = 1; round <= scale.rounds; round += 1) {
    rounds.push(await measureRound(bench, counts))
    options.progress(`round ${round} of ${scale.rounds}`)
  }
  const idle = await measureIdle(bench.world, bench.reference, HOT, scale.idle)
  options.progress('one settle at a time')
  const verifyRates: number[] = []
  for (let run = 0; run < VERIFY_RUNS; run += 1) verifyRates.push(await verifyRate(bench.world, HOT))
  const { violations, entries, seconds } = await checkBooks(bench.world)
  options.progress('books checked')
  return {
    figures: [...throughputFigures(rounds), idleFigure(idle), verifyFigure(verifyRates)],
    details: {
      ...throughputDetails(rounds),
      ...idleDetails(idle),
      verify_everybody_rows: entries,
      verify_everybody_rows_per_second: entries / seconds,
    },
    violations,
  }
}

async function withLongRuns(
  server: BenchServer,
  bench: ChargeWorld,
  counts: Counts,
  short: BenchResult,
  options: BenchOptions,
): Promise<BenchResult> {
  const results = [
    short,
    await measureAsynchronous(server, counts, options),
    await measureLargeLedger(server, bench, counts, options),
    await measureRecoveries(server, options),
  ]
  return {
    figures: results.flatMap(({ figures }) => figures),
    details: Object.assign({}, ...results.map(({ details }) => details)),
    violations: results.flatMap(({ violations }) => violations),
  }
}
