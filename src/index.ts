/**
 * Tollkeeper as a library: connect, submit texts to a billed pipeline, or use only the monitors and managers in a
 * pipeline of one's own.
 */
import type { Agent } from './agents/agent.ts'
import type { OfflineFaults } from './agents/offline-faults.ts'
import { compose, type Tollkeeper } from './composition.ts'
import { configFromEnvironment } from './config/config.ts'
import type { Clock } from './foundation/clock.ts'

export interface ConnectOptions {
  /** Runs the workers in this process (default). Without them somebody else must: `tollkeeper start`. */
  readonly workers?: boolean
  /** A platform's own agents, besides the built-in ones. */
  readonly agents?: readonly Agent[]
  /** Decides everything instead of the database's time: periods, grace, claims. For tests that play through years. */
  readonly clock?: Clock
  /**
   * What the offline model does wrong on purpose, in this process: to test what an integration does about a model that
   * fails, hangs, breaks off or lies about its usage, and what its customers pay then. Refused with any other provider.
   */
  readonly offlineFaults?: OfflineFaults
}

export interface Connection extends Tollkeeper, AsyncDisposable {}

/**
 * Connects to the database and the queue that the environment names: DATABASE_URL and REDIS_URL, or an embedded
 * PostgreSQL under DATA_DIR that is found or made.
 * @throws ConfigurationError that names the variable or the command
 */
export async function connect({ workers = true, ...options }: ConnectOptions = {}): Promise<Connection> {
  const tollkeeper = await compose({ config: configFromEnvironment(), ...options })
  try {
    if (workers) await tollkeeper.startWorkers()
  } catch (error) {
    await tollkeeper.close()
    throw error
  }
  return { ...tollkeeper, [Symbol.asyncDispose]: () => tollkeeper.close() }
}

export type { Agent, AgentContext, BoundLimits, MeteredLlm, Tool } from './agents/agent.ts'
export type { OfflineFault, OfflineFaults, PlannedFault } from './agents/offline-faults.ts'
export { singleCallAgent } from './agents/single-call.agent.ts'
export { ConfigurationError, TollkeeperError, ValidationError } from './foundation/errors.ts'
export { TimeZone } from './foundation/time-zone.ts'
export { BalanceManager } from './managers/balance.manager.ts'
export { featureChargeToJson, receiptToJson } from './managers/contract-json.ts'
export type { FeatureChargeResult, FeatureChargeView } from './managers/feature-charge-view.ts'
export { InsufficientBalanceError } from './managers/insufficient-balance.ts'
export type { BatchQuoteView, ListedQuoteView, QuoteView, QuoteWarning } from './managers/quote-view.ts'
export { statementToJson } from './managers/statement-json.ts'
export { TeamBillingManager } from './managers/team-billing.manager.ts'
export { TokenBasedBillingManager } from './managers/token-based-billing.manager.ts'
export { usageToJson } from './managers/usage-json.ts'
export { OrganizationBalance } from './models/organization-balance.model.ts'
export { TariffComponent } from './models/tariff-component.model.ts'
export { TariffPlan } from './models/tariff-plan.model.ts'
export { InputTokenMonitor } from './monitors/input-token.monitor.ts'
export { LLMTokenMonitor } from './monitors/llm-token.monitor.ts'
export { OutputTokenMonitor } from './monitors/output-token.monitor.ts'
export {
  BilledInformationPipeline,
  type ProcessOptions,
  type ProcessResult,
  type QuoteOptions,
} from './pipeline/billed-information.pipeline.ts'
export { JobCancelled, JobFailed, RejectedForBalance } from './pipeline/outcome-errors.ts'
export type { Finding } from './pipeline/recompute/finding.ts'
export type { Recomputation } from './pipeline/recompute/recompute.ts'
export { formatAmount, parseAmount } from './pricing/money.ts'
export type { LlmBound, LlmUsage, StageBound, StageUsage } from './pricing/usage.ts'
export { cl100kBase } from './tokenizer/cl100k-base.ts'
export { o200kBase } from './tokenizer/o200k-base.ts'
export type { Tokenizer } from './tokenizer/tokenizer.ts'
