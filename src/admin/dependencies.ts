import type { Config } from '../config/config.ts'
import type { InTenantTransaction, InTransaction } from '../database/transaction.ts'
import type { createLogger } from '../foundation/logger.ts'
import type { AlertManager } from '../managers/alert.manager.ts'
import type { ApiKeyManager } from '../managers/api-key.manager.ts'
import type { AuditLog } from '../managers/audit-log.manager.ts'
import type { BalanceManager } from '../managers/balance.manager.ts'
import type { FeatureChargeManager } from '../managers/feature-charge.manager.ts'
import type { IdempotencyManager } from '../managers/idempotency.manager.ts'
import type { JobManager } from '../managers/job.manager.ts'
import type { OrganizationManager } from '../managers/organization.manager.ts'
import type { PlanMoveManager } from '../managers/plan-move.manager.ts'
import type { PlanPreviewManager } from '../managers/plan-preview.manager.ts'
import type { StatementManager } from '../managers/statement.manager.ts'
import type { TariffManager } from '../managers/tariff.manager.ts'
import type { TeamBillingManager } from '../managers/team-billing.manager.ts'
import type { TokenBasedBillingManager } from '../managers/token-based-billing.manager.ts'
import type { UsageManager } from '../managers/usage.manager.ts'
import type { VerifyManager } from '../managers/verify.manager.ts'
import type { BalanceWatch } from '../pipeline/balance-watch.ts'
import type { JobEvents } from '../pipeline/job-events.ts'
import type { JobService } from '../pipeline/job-service.ts'
import type { Waker } from '../pipeline/wake.ts'
import type { Queues } from '../queues/queues.ts'
import type { RedisCommand } from '../queues/redis-commands.ts'
import type { Metrics } from './metrics/metrics.ts'

/** Everything that the HTTP door stands on; what the composition builds has all of it. */
export interface AdminDependencies {
  readonly config: Pick<Config, 'adminApiKey' | 'defaultCurrency' | 'maxTextBytes' | 'rateLimitPerMinute'>
  readonly logger: ReturnType<typeof createLogger>
  readonly inTransaction: InTransaction
  /** For what is read about one organisation, whoever asks. */
  readonly inTenantTransaction: InTenantTransaction
  /** What cursors are signed with. */
  readonly cursorSecret: Buffer
  readonly apiKeys: ApiKeyManager
  readonly tariffs: TariffManager
  readonly planMoves: PlanMoveManager
  readonly planPreviews: PlanPreviewManager
  readonly organizations: OrganizationManager
  readonly auditLog: AuditLog
  readonly idempotency: Pick<IdempotencyManager, 'replay' | 'store'>
  readonly balances: BalanceManager
  readonly teams: TeamBillingManager
  readonly alerts: AlertManager
  readonly balanceWatch: Pick<BalanceWatch, 'addThreshold'>
  readonly billing: Pick<TokenBasedBillingManager, 'chargeFeature'>
  readonly featureCharges: FeatureChargeManager
  readonly jobs: JobManager
  readonly service: Pick<JobService, 'submit' | 'submitAll' | 'resubmit' | 'quote' | 'quoteAll' | 'cancel'>
  readonly jobEvents: Pick<JobEvents, 'open'>
  readonly verifier: Pick<VerifyManager, 'verify'>
  readonly usage: UsageManager
  readonly statements: StatementManager
  /** Resumes what fits now; asked after a raised limit or another tariff. */
  readonly waker: Pick<Waker, 'wake'>
  /** What readiness asks; each rejects when that part does not answer. */
  readonly probes: Readonly<Record<'database' | 'queue' | 'migrations' | 'workers', () => Promise<void>>>
  /** Aborted when this process is told to stop: what would not end by itself ends then. */
  readonly stopping: AbortSignal
  readonly metrics: Metrics
  /** Where the API's processes count requests together; null without Redis. */
  readonly sharedCounts: RedisCommand | null
  readonly queues: Pick<Queues, 'boardQueues'>
}
