import { refreshStatistics } from '../world.ts'
import { type ChargeWorld, HOT, MANY } from './charge-world.ts'
import { measureSettles, type Rates } from './settles.ts'

/** One round: everything once, so that a slow minute of the machine slows the reference and the figures alike. */
export interface Round {
  readonly insertsPerSecond: number
  readonly hot100: Rates
  readonly hot500: Rates
  readonly thousand: Rates
  readonly ormSettlesPerSecond: number
}

/** How many of each make a measurement that is long enough to trust and no longer. */
export interface Counts {
  readonly inserts: number
  readonly settles: number
  readonly ormSettles: number
}

/** What a first, small round tries; it also warms the compiler, the caches and the plans, and is thrown away. */
const WARM_UP: Counts = { inserts: 2_000, settles: 2_000, ormSettles: 100 }
const SETTLES_MAX = 60_000

export async function measureRound({ world, reference, orm }: ChargeWorld, counts: Counts): Promise<Round> {
  const one = { organizations: [HOT] }
  return {
    insertsPerSecond: await reference.measure(counts.inserts),
    hot100: await measureSettles(world, { ...one, callers: 100 }, counts.settles),
    hot500: await measureSettles(world, { ...one, callers: 500 }, counts.settles),
    thousand: await measureSettles(world, { organizations: MANY, callers: 100 }, counts.settles),
    ormSettlesPerSecond: await orm.measure(HOT, counts.ormSettles),
  }
}

/** Warms up. @returns counts by which each measurement takes about `seconds` */
export async function chooseCounts(bench: ChargeWorld, seconds: number): Promise<Counts> {
  const round = await measureRound(bench, WARM_UP)
  await refreshStatistics(bench.world)
  const forSeconds = (perSecond: number): number => Math.ceil((perSecond * seconds) / 100) * 100
  return {
    inserts: forSeconds(round.insertsPerSecond),
    settles: Math.min(SETTLES_MAX, forSeconds(round.hot500.settlesPerSecond)),
    ormSettles: forSeconds(round.ormSettlesPerSecond),
  }
}
