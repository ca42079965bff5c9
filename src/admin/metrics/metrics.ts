import { collectDefaultMetrics, Registry } from 'prom-client'
import type { Meters } from '../../foundation/meters.ts'
import type { FiguresManager, WorkFigures } from '../../managers/figures.manager.ts'
import type { Queues } from '../../queues/queues.ts'
import { createHttpMeter, type HttpMeter } from './http-meter.ts'
import { createProcessMeters, gauge } from './process-meters.ts'
import { sharedReading } from './shared-reading.ts'

/** Several scrapers, and people who reload, ask for the same few seconds. */
const FRESH_MS = 3_000
/** Less than a scraper's own patience, which is 10 s by default: what is late is left out, and the rest is told. */
const PATIENCE_MS = 2_000
/** Counting the jobs that are over reads them all: it takes at most a hundredth of one connection's time. */
const REST_TIMES = 100

/** What is asked at each scrape. */
export interface MetricSources {
  readonly figures: Pick<FiguresManager, 'work' | 'ended'>
  readonly queues: Pick<Queues, 'depths'>
  /** Connections of this process, by what they are for. */
  readonly pools: ReadonlyMap<string, PoolUse>
}

interface PoolUse {
  readonly totalCount: number
  readonly idleCount: number
  readonly waitingCount: number
}

/** The metrics of one process: its own registry, nothing global. */
export interface Metrics {
  readonly meters: Meters
  readonly http: HttpMeter
  readonly contentType: string
  /** Everything, in the text format of Prometheus. */
  text(): Promise<string>
}

export function createMetrics(): Metrics & { readFrom(sources: MetricSources): void } {
  const registry = new Registry()
  const { exactText, ...meters } = createProcessMeters(registry)
  let refresh: () => Promise<void> = async () => undefined
  let watchesProcess = false
  return {
    meters,
    http: createHttpMeter(registry),
    contentType: registry.contentType,
    readFrom(sources) {
      refresh = createRefresh(registry, sources)
    },
    async text() {
      // Whoever is never asked watches nothing: a library in somebody else's process, a short command.
      if (!watchesProcess) collectDefaultMetrics({ register: registry })
      watchesProcess = true
      await refresh()
      return `${await registry.metrics()}\n${exactText()}`
    },
  }
}

/** Sets what is read at a scrape; what cannot be read now is not shown, and said so. */
function createRefresh(registry: Registry, { figures, queues, pools }: MetricSources): () => Promise<void> {
  const terms = { freshMs: FRESH_MS, patienceMs: PATIENCE_MS }
  const readWork = sharedReading(() => figures.work(), terms)
  const readEnded = sharedReading(() => figures.ended(), { ...terms, restTimes: REST_TIMES })
  const readQueues = sharedReading(() => queues.depths(), terms)
  const jobs = gauge(registry, 'tollkeeper_jobs', 'Jobs by state', 'state')
  const setWork = createWorkGauges(registry)
  const depths = gauge(registry, 'tollkeeper_queue_jobs', 'Queue jobs by queue and state', 'queue', 'state')
  const connections = gauge(registry, 'tollkeeper_database_connections', 'Connections by use', 'pool', 'state')
  const unread = gauge(registry, 'tollkeeper_scrape_failed', '1 where a part could not be read now', 'part')
  return async () => {
    const [work, ended, queueDepths] = await Promise.all([readWork(), readEnded(), readQueues()])
    // From here on nothing waits, so that two scrapes never show halves of each other.
    for (const each of [jobs, depths, connections]) each.reset()
    for (const [state, many] of Object.entries({ ...work?.jobs, ...ended })) jobs.set({ state }, many)
    setWork(work)
    for (const { queue, counts } of queueDepths ?? []) {
      for (const [state, many] of Object.entries(counts)) depths.set({ queue, state }, many)
    }
    for (const [pool, { totalCount, idleCount, waitingCount }] of pools) {
      connections.set({ pool, state: 'busy' }, totalCount - idleCount)
      connections.set({ pool, state: 'idle' }, idleCount)
      connections.set({ pool, state: 'awaited' }, waitingCount)
    }
    for (const [part, read] of Object.entries({ work, ended, queue: queueDepths })) unread.set({ part }, read ? 0 : 1)
  }
}

function createWorkGauges(registry: Registry): (work: WorkFigures | null) => void {
  const ages = gauge(registry, 'tollkeeper_oldest_job_age_seconds', 'Age of the oldest job, 0 without any', 'state')
  const holdAge = gauge(registry, 'tollkeeper_oldest_hold_age_seconds', 'Age of the oldest open hold, 0 without any')
  const holds = gauge(registry, 'tollkeeper_open_holds', 'Holds that are open')
  const organizations = gauge(registry, 'tollkeeper_organizations', 'Organisations by status', 'status')
  return (work) => {
    for (const each of [ages, holdAge, holds, organizations]) each.reset()
    if (!work) {
      // A gauge without labels is 0 after its reset, which would be a lie.
      for (const each of [holdAge, holds]) each.remove()
      return
    }
    ages.set({ state: 'queued' }, work.oldestWaitingSeconds ?? 0)
    ages.set({ state: 'rejected_for_balance' }, work.oldestParkedSeconds ?? 0)
    holdAge.set(work.oldestHoldSeconds ?? 0)
    holds.set(work.openHolds)
    for (const [status, many] of Object.entries(work.organizations)) organizations.set({ status }, many)
  }
}
