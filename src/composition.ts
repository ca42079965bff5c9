import { availableParallelism } from 'node:os'
import type pg from 'pg'
import { createProcessors } from '../workers/registry.ts'
import type { Agent, BoundLimits } from './agents/agent.ts'
import { createAgentRegistry, loadAgentsModule } from './agents/agent-registry.ts'
import { builtInAgents, DEFAULT_AGENTS } from './agents/built-in-agents.ts'
import { noteLimit } from './agents/cut-to-tokens.ts'
import { promptBound } from './agents/metered-llm.ts'
import type { OfflineFaults } from './agents/offline-faults.ts'
import { openProvider } from './agents/open-provider.ts'
import type { Config } from './config/config.ts'
import { withAdvisoryLock } from './database/advisory-lock.ts'
import { refuseClockSkew } from './database/clock-check.ts'
import { JobNotices } from './database/job-notices.ts'
import { Batcher } from './database/money/batcher.ts'
import { moneyTransactions } from './database/money/money-pipe.ts'
import { TariffCache } from './database/money/tariff-cache.ts'
import { Notifications } from './database/notifications.ts'
import { openDatabase } from './database/open-database.ts'
import { openOrm } from './database/orm.ts'
import { openMoneyPool, openQueuePool } from './database/pool.ts'
import { watchPool } from './database/silence.ts'
import { createInSnapshot } from './database/snapshot.ts'
import { StageWorkReader } from './database/stage-work.ts'
import { createInTransaction } from './database/transaction.ts'
import { type Clock, systemClock } from './foundation/clock.ts'
import { armFailpoints } from './foundation/failpoint.ts'
import { createLogger, type Logger } from './foundation/logger.ts'
import { BalanceManager } from './managers/balance.manager.ts'
import { JobManager } from './managers/job.manager.ts'
import { OrganizationManager } from './managers/organization.manager.ts'
import { QuoteManager } from './managers/quote.manager.ts'
import { ScheduleManager } from './managers/schedule.manager.ts'
import { TariffManager } from './managers/tariff.manager.ts'
import { TeamBillingManager } from './managers/team-billing.manager.ts'
import { type JobOf, TokenBasedBillingManager } from './managers/token-based-billing.manager.ts'
import { VerifyManager } from './managers/verify.manager.ts'
import { createCountingPool } from './monitors/counting-pool.ts'
import { InputTokenMonitor } from './monitors/input-token.monitor.ts'
import { LLMTokenMonitor } from './monitors/llm-token.monitor.ts'
import { OutputTokenMonitor } from './monitors/output-token.monitor.ts'
import { JobService } from './pipeline/job-service.ts'
import { JobWatcher } from './pipeline/job-watcher.ts'
import { Outbox } from './pipeline/outbox.ts'
import { createRecompute } from './pipeline/recompute/recompute.ts'
import { createSandbox } from './pipeline/sandbox.ts'
import { Sweep } from './pipeline/sweep.ts'
import { Waker } from './pipeline/wake.ts'
import { WorkInHand } from './pipeline/work-in-hand.ts'
import { createQueueBackend, type QueueBackend } from './queues/backends.ts'
import { migrateQueues } from './queues/migrate.ts'
import { createWorkers } from './queues/processing.ts'
import { createQueues } from './queues/queues.ts'
import { o200kBase } from './tokenizer/o200k-base.ts'

/**
 * Batches of the money path side by side, each on a connection of its own: while one waits for its COMMIT, another is
 * folded. A lane keeps a core of PostgreSQL busy; more than four would only cut batches smaller.
 */
const MONEY_LANES = Math.min(4, Math.max(2, availableParallelism() >> 1))
/** What reads beside the money path: the sweep's lock, verify's snapshot, tariffs, probes. */
const READING_POOL_MAX = 4
/** BullMQ's queries beside the clients that its workers listen on; about 8 is best (measured by the prototypes). */
const QUEUE_POOL_MAX = 13
/** A killed worker's claim ends after this; a living one extends it three times in that time. */
const CLAIM_LEASE_MS = 6_000
const KEEP_CLAIM_MS = 2_000
const DAY_MS = 86_400_000
/** Any fixed number of our own. */
const SWEEP_LOCK = 7_301_144_013

export interface ComposeOptions {
  readonly config: Config
  /** A platform's own agents, besides the built-in ones and those of AGENTS_MODULE. */
  readonly agents?: readonly Agent[]
  readonly clock?: Clock
  /** What the offline model does wrong on purpose. */
  readonly offlineFaults?: OfflineFaults
}

/** Everything that the doors stand on. */
export type Tollkeeper = Awaited<ReturnType<typeof compose>>

/**
 * Builds everything from its settings, on a database that is up to date, and starts nothing. What it opens stands on
 * one stack and is closed in reverse.
 */
export async function compose(options: ComposeOptions) {
  const { config, clock = systemClock } = options
  await using opened = new AsyncDisposableStack()
  const logger = createLogger(config.logLevel)
  armFailpoints(config.failpoint)
  if (options.offlineFaults) logger.warn('offlineFaults are given: the offline model misbehaves on purpose')
  const database = await openDatabase(config, migrateQueues, logger, opened)
  const storage = await openStorage(config, database.appUrl, logger, clock, opened)
  const managers = openManagers(config, storage, logger, opened)
  const measuring = openMeasuring(opened)
  const stages = await openStages(options, measuring, opened)
  const { inTransaction, em, notifications } = storage
  const { jobs, billing, outbox, queues } = managers
  const service = new JobService({
    ...stages,
    inTransaction,
    em,
    jobs,
    billing,
    outbox,
    quotes: new QuoteManager(storage.tariffs, storage.pool),
    defaultAgents: DEFAULT_AGENTS.map((agent) => agent.key),
    maxTextBytes: config.maxTextBytes,
  })
  if (config.sandbox && database.embedded) await createSandbox({ ...managers, inTransaction, logger })
  const closing = opened.move()
  return {
    config,
    logger,
    /** The PostgreSQL that holds everything, with its password. */
    databaseUrl: database.appUrl,
    inTransaction,
    em,
    ...managers,
    monitors: measuring,
    service,
    /**
     * Makes every figure of a job's receipt again from what is stored, in every state of the job; no model is asked.
     * @returns the receipt (amounts in nano-units) and a finding for each figure: proved, differs, or not provable and why
     * @throws NotFoundError
     */
    recompute: createRecompute({ em, jobs, tokenizer: o200kBase, inputMonitor: measuring.inputMonitor }),
    watcher: new JobWatcher(notifications, (jobId) => service.find(jobId)),
    probes: {
      database: async () => void (await storage.pool.query('select 1')),
      queue: () => queues.ping(),
    },
    /** Stores a job whose stages a platform runs itself; the same key gives the same job. */
    async openJob({ organizationId, userId = null, key = null, agents: keys }: OwnJob): Promise<JobOf> {
      const job = { organizationId, userId, key, externalId: null, text: null, steps: [keys], maxCost: null }
      const { id } = await inTransaction((manager) => jobs.create(manager, { ...job, runner: 'own' }))
      return { organizationId, jobId: id }
    },
    startWorkers: () => closing.use(startWorkers(config, logger, storage, managers, stages)).ready(),
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

type Storage = Awaited<ReturnType<typeof openStorage>>

async function openStorage(config: Config, url: string, logger: Logger, clock: Clock, opened: AsyncDisposableStack) {
  const orm = await openOrm(url, 'tollkeeper', (pool) => watchPool(pool, logger))
  opened.defer(() => orm.close(true))
  const pool = watched(openMoneyPool(url, READING_POOL_MAX), logger, opened)
  await refuseClockSkew(pool, clock)
  const tariffs = new TariffCache()
  const moneyPool = watched(openMoneyPool(url, MONEY_LANES), logger, opened)
  const notices = new JobNotices(pool, logger)
  opened.defer(() => notices.drain())
  const announce = (jobIds: readonly string[]): void => notices.announce(jobIds)
  const money = new Batcher(moneyTransactions(moneyPool, tariffs, { announce }), { lanes: MONEY_LANES })
  opened.defer(() => money.drain())
  const notifications = new Notifications(url, logger)
  opened.defer(() => notifications.close())
  await notifications.open()
  const backend: QueueBackend =
    config.redisUrl === undefined
      ? createQueueBackend({
          kind: 'postgres',
          pool: watched(openQueuePool(url, QUEUE_POOL_MAX), logger, opened),
          logger,
        })
      : createQueueBackend({ kind: 'redis', url: config.redisUrl, logger })
  return {
    inTransaction: createInTransaction(orm),
    em: () => orm.em.fork(),
    pool,
    tariffs,
    money,
    work: new StageWorkReader(pool),
    notifications,
    backend,
  }
}

type Managers = ReturnType<typeof openManagers>

function openManagers(config: Config, storage: Storage, logger: Logger, opened: AsyncDisposableStack) {
  const { money, backend, pool, inTransaction, em } = storage
  const queues = createQueues(backend, { keepCompleted: config.keepCompleted, logger })
  opened.defer(() => queues.close())
  const outbox = new Outbox(queues, logger)
  opened.defer(() => outbox.drain())
  const billing = new TokenBasedBillingManager(money, {
    claimLeaseMs: CLAIM_LEASE_MS,
    parkedExpiresMs: config.parkedExpiresDays * DAY_MS,
    outputLimit: config.maxOutputTokens,
  })
  const verifier = new VerifyManager({
    inSnapshot: createInSnapshot(pool),
    inTransaction,
    em,
    logger,
    pingQueue: () => queues.ping(),
    sweepMs: config.reconcileIntervalMs,
  })
  opened.defer(() => verifier.close())
  return {
    billing,
    verifier,
    balances: new BalanceManager(money, (resumed) => outbox.resume(resumed)),
    jobs: new JobManager(o200kBase),
    teams: new TeamBillingManager(money),
    tariffs: new TariffManager(),
    organizations: new OrganizationManager(),
    queues,
    outbox,
    waker: new Waker(billing, outbox, logger),
  }
}

type Measuring = ReturnType<typeof openMeasuring>

function openMeasuring(opened: AsyncDisposableStack) {
  const pool = createCountingPool()
  opened.defer(() => pool.close())
  return {
    inputMonitor: new InputTokenMonitor(o200kBase, pool),
    llmMonitor: new LLMTokenMonitor(o200kBase, pool),
    outputMonitor: new OutputTokenMonitor(o200kBase, pool),
  }
}

type Stages = Awaited<ReturnType<typeof openStages>>

async function openStages(options: ComposeOptions, measuring: Measuring, opened: AsyncDisposableStack) {
  const { config, agents: own = [], offlineFaults } = options
  const provider = openProvider(config.llm, offlineFaults, opened)
  const loaded = config.agentsModule === undefined ? [] : await loadAgentsModule(config.agentsModule)
  const limits: BoundLimits = {
    model: provider.model,
    maxOutputTokens: config.maxOutputTokens,
    countPrompt: promptBound(provider, measuring.inputMonitor),
  }
  const { served, withheld } = builtInAgents(config.llm.provider === 'offline')
  const agents = createAgentRegistry([...served, ...loaded, ...own], withheld)
  const notes = noteLimit(provider, o200kBase, config.maxOutputTokens)
  return { ...measuring, provider, agents, limits, notes }
}

/** Starts the workers of every queue, the sweep and the wake; disposing stops them, gracefully. */
function startWorkers(config: Config, logger: Logger, storage: Storage, managers: Managers, stages: Stages) {
  const { em, pool, work, backend, notifications } = storage
  const timing = { stageTimeoutMs: config.stageTimeoutMs, keepClaimMs: KEEP_CLAIM_MS }
  const processors = createProcessors({ ...stages, ...managers, ...timing, em, work, inHand: new WorkInHand(), logger })
  const workers = createWorkers(backend, processors, { concurrency: config.workerConcurrency, logger })
  const stopListening = managers.waker.listen(notifications)
  const sweep = new Sweep({
    ...managers,
    em,
    logger,
    schedule: new ScheduleManager(),
    alone: (work) => withAdvisoryLock(pool, SWEEP_LOCK, work),
    intervalMs: config.reconcileIntervalMs,
    holdLeaseMs: config.holdLeaseMs,
    textRetentionMs: config.textRetentionDays * DAY_MS,
  })
  sweep.start()
  return {
    ready: () => workers.ready(),
    async [Symbol.asyncDispose]() {
      stopListening()
      await sweep.stop()
      await workers.close(config.shutdownGraceMs)
      await managers.waker.drain()
    },
  }
}

/** A watched pool, closed at the end. */
function watched(pool: pg.Pool, logger: Logger, opened: AsyncDisposableStack): pg.Pool {
  watchPool(pool, logger)
  opened.defer(() => pool.end())
  return pool
}
