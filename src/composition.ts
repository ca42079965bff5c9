import { createMetrics } from './admin/metrics/metrics.ts'
import { DEFAULT_AGENTS } from './agents/built-in-agents.ts'
import { openManagers } from './composition/managers.ts'
import { openOperations } from './composition/operations.ts'
import type { ComposeOptions } from './composition/options.ts'
import { openMeasuring, openStages } from './composition/stages.ts'
import { openStorage } from './composition/storage.ts'
import { startWorkers } from './composition/workers.ts'
import { secretsOf } from './config/secrets.ts'
import { openDatabase } from './database/open-database.ts'
import { systemClock } from './foundation/clock.ts'
import { armFailpoints } from './foundation/failpoint.ts'
import { createLogger } from './foundation/logger.ts'
import { QuoteManager } from './managers/quote.manager.ts'
import type { JobOf } from './managers/token-based-billing.manager.ts'
import { BalanceWatch } from './pipeline/balance-watch.ts'
import { JobEvents } from './pipeline/job-events.ts'
import { JobService } from './pipeline/job-service.ts'
import { JobWatcher } from './pipeline/job-watcher.ts'
import { createRecompute } from './pipeline/recompute/recompute.ts'
import { createSandbox } from './pipeline/sandbox.ts'
import { migrateQueues } from './queues/migrate.ts'
import { o200kBase } from './tokenizer/o200k-base.ts'

/** Everything that the doors stand on. */
export type Tollkeeper = Awaited<ReturnType<typeof compose>>

/**
 * Builds everything from its settings, on a database that is up to date, and starts nothing. What it opens stands on
 * one stack and is closed in reverse.
 */
export async function compose(options: ComposeOptions) {
  const { config, clock = systemClock } = options
  await using opened = new AsyncDisposableStack()
  const logger = createLogger(config.logLevel, { secrets: secretsOf(config) })
  const metrics = createMetrics()
  const counted = { logger, meters: metrics.meters }
  armFailpoints(config.failpoint)
  if (options.offlineFaults) logger.warn('offlineFaults are given: the offline model misbehaves on purpose')
  const database = await openDatabase(config, migrateQueues, logger, opened)
  const storage = await openStorage(config, database.appUrl, logger, { clock, ...counted }, opened)
  const managers = openManagers(config, storage, counted, opened)
  const { watchWorkers, ...operations } = openOperations(config, metrics, storage, managers, opened)
  const measuring = openMeasuring(opened)
  const stages = await openStages(options, measuring, opened)
  const { inTransaction, inTenantTransaction, em, notifications } = storage
  const { jobs, billing, newJobs } = managers
  const quotes = new QuoteManager(storage.tariffs, storage.pool, clock)
  const intervalMs = config.reconcileIntervalMs
  const balanceWatch = new BalanceWatch({ ...stages, ...managers, quotes, em, logger, intervalMs })
  const service = new JobService({
    ...stages,
    inTransaction,
    em,
    jobs,
    billing,
    newJobs,
    quotes,
    defaultAgents: DEFAULT_AGENTS.map((agent) => agent.key),
    maxTextBytes: config.maxTextBytes,
  })
  const jobEvents = new JobEvents({ jobs, em, notifications, logger })
  opened.defer(() => jobEvents.close())
  if (config.sandbox && database.embedded) await createSandbox({ ...managers, inTransaction, logger })
  const closing = opened.move()
  return {
    config,
    logger,
    /** The PostgreSQL that holds everything, with its password. */
    databaseUrl: database.appUrl,
    inTransaction,
    inTenantTransaction,
    em,
    cursorSecret: storage.cursorSecret,
    ...managers,
    monitors: measuring,
    service,
    jobEvents,
    balanceWatch,
    /**
     * Makes every figure of a job's receipt again from what is stored, in every state of the job; no model is asked.
     * @returns the receipt (amounts in nano-units) and a finding for each figure: proved, differs, or not provable and why
     * @throws NotFoundError
     */
    recompute: createRecompute({ em, jobs, tokenizer: o200kBase, inputMonitor: measuring.inputMonitor }),
    watcher: new JobWatcher(notifications, (jobId) => service.find(jobId)),
    ...operations,
    /** Stores a job whose stages a platform runs itself; the same key gives the same job. */
    async openJob({ organizationId, userId = null, key = null, agents: keys }: OwnJob): Promise<JobOf> {
      const job = { organizationId, userId, key, externalId: null, text: null, steps: [keys], maxCost: null }
      const { id } = await inTransaction((manager) => jobs.create(manager, { ...job, runner: 'own' }))
      return { organizationId, jobId: id }
    },
    /** Charges a feature outside of any job, as the billing manager does. */
    chargeFeature: billing.chargeFeature.bind(billing),
    startWorkers: () =>
      watchWorkers(closing.use(startWorkers(config, counted, storage, { ...managers, balanceWatch }, stages))).ready(),
    /** Closes everything in the reverse of its opening; what runs may finish first. */
    close: () => closing.disposeAsync(),
  }
}

/** A job that is measured and charged by a platform's own worker: its stages are input, one per agent, and output. */
export interface OwnJob {
  readonly organizationId: string
  readonly userId?: string | null
  readonly key?: string | null
  readonly agents: readonly string[]
}
