import type { Config } from '../config/config.ts'
import { BalanceReader } from '../database/balance-reader.ts'
import { createInSnapshot, createInTenantSnapshot } from '../database/snapshot.ts'
import { systemClock } from '../foundation/clock.ts'
import type { Logger } from '../foundation/logger.ts'
import type { Meters } from '../foundation/meters.ts'
import { AlertManager } from '../managers/alert.manager.ts'
import { ApiKeyManager } from '../managers/api-key.manager.ts'
import { AuditLog } from '../managers/audit-log.manager.ts'
import { BalanceManager } from '../managers/balance.manager.ts'
import { DemandManager } from '../managers/demand.manager.ts'
import { FeatureChargeManager } from '../managers/feature-charge.manager.ts'
import { FiguresManager } from '../managers/figures.manager.ts'
import { IdempotencyManager } from '../managers/idempotency.manager.ts'
import { JobManager } from '../managers/job.manager.ts'
import { MandatedMoney } from '../managers/mandated-money.ts'
import { OrganizationManager } from '../managers/organization.manager.ts'
import { PlanMoveManager } from '../managers/plan-move.manager.ts'
import { PlanPreviewManager } from '../managers/plan-preview.manager.ts'
import { StatementManager } from '../managers/statement.manager.ts'
import { TariffManager } from '../managers/tariff.manager.ts'
import { TeamBillingManager } from '../managers/team-billing.manager.ts'
import { TokenBasedBillingManager } from '../managers/token-based-billing.manager.ts'
import { UsageManager } from '../managers/usage.manager.ts'
import { VerifyManager } from '../managers/verify.manager.ts'
import { VerifyAudit } from '../managers/verify-audit.ts'
import { NewJobs } from '../pipeline/new-jobs.ts'
import { Outbox } from '../pipeline/outbox.ts'
import { Waker } from '../pipeline/wake.ts'
import { createQueues } from '../queues/queues.ts'
import { o200kBase } from '../tokenizer/o200k-base.ts'
import type { Storage } from './storage.ts'

const DAY_MS = 86_400_000
/** A killed worker's claim ends after this; a living one extends it three times in that time. */
const CLAIM_LEASE_MS = 6_000

export type Managers = ReturnType<typeof openManagers>

/** Makes every manager, and what stands between them and the queues. */
export function openManagers(
  config: Config,
  storage: Storage,
  { logger, meters }: { readonly logger: Logger; readonly meters: Meters },
  opened: AsyncDisposableStack,
) {
  const { money, submits, backend, pool, inTransaction, em, time, clock } = storage
  const queues = createQueues(backend, { keepCompleted: config.keepCompleted, logger })
  opened.defer(() => queues.close())
  const outbox = new Outbox(queues, logger)
  opened.defer(() => outbox.drain())
  const newJobs = new NewJobs(outbox, queues.rushPauseMs)
  opened.defer(() => newJobs.drain())
  // Before that: what is being stored still has to come into the queue.
  opened.defer(() => submits.drain())
  const mandated = new MandatedMoney(money, storage.rehearsals)
  const billing = new TokenBasedBillingManager(money, mandated, {
    claimLeaseMs: CLAIM_LEASE_MS,
    parkedExpiresMs: config.parkedExpiresDays * DAY_MS,
    outputLimit: config.maxOutputTokens,
  })
  const apiKeys = new ApiKeyManager(time, storage.keys)
  opened.defer(storage.notifications.on('tollkeeper_keys', () => apiKeys.forget()))
  const inSnapshot = createInSnapshot(pool)
  const inTenantSnapshot = createInTenantSnapshot(pool)
  const verifier = new VerifyManager({
    inSnapshot,
    inTransaction,
    em,
    logger,
    pingQueue: () => queues.ping(),
    sweepMs: config.reconcileIntervalMs,
    time,
    auditLog: new VerifyAudit({ inSnapshot, logger }),
    meters,
  })
  opened.defer(() => verifier.close())
  const auditLog = new AuditLog({ inTransaction, time, logger })
  opened.defer(() => auditLog.close())
  return {
    billing,
    verifier,
    auditLog,
    usage: new UsageManager({ inTenantSnapshot, idsTellTime: clock === systemClock }),
    statements: new StatementManager(inTenantSnapshot),
    apiKeys,
    balances: new BalanceManager(mandated, (resumed) => outbox.resume(resumed), new BalanceReader(pool)),
    featureCharges: new FeatureChargeManager(),
    jobs: new JobManager(o200kBase, clock, submits),
    alerts: new AlertManager(money, time),
    demand: new DemandManager(),
    figures: new FiguresManager(em),
    idempotency: new IdempotencyManager(time),
    teams: new TeamBillingManager(mandated),
    tariffs: new TariffManager(time),
    planMoves: new PlanMoveManager(time),
    planPreviews: new PlanPreviewManager(time),
    organizations: new OrganizationManager(time, money),
    queues,
    outbox,
    newJobs,
    waker: new Waker(billing, outbox, logger),
  }
}
