import { AbsorbedUsageSchema } from './absorbed-usage.model.ts'
import { ApiKeySchema } from './api-key.model.ts'
import { AuditEntrySchema } from './audit-entry.model.ts'
import { AuditHeadSchema } from './audit-head.model.ts'
import { BalanceAlertSchema } from './balance-alert.model.ts'
import { BalanceThresholdSchema } from './balance-threshold.model.ts'
import { BillingPeriodSchema } from './billing-period.model.ts'
import { FeatureChargeSchema } from './feature-charge.model.ts'
import { HoldSchema } from './hold.model.ts'
import { IdempotencyKeySchema } from './idempotency-key.model.ts'
import { JobSchema } from './job.model.ts'
import { JobStageSchema } from './job-stage.model.ts'
import { JobTextSchema } from './job-text.model.ts'
import { LedgerEntrySchema } from './ledger-entry.model.ts'
import { OrganizationSchema } from './organization.model.ts'
import { OrganizationBalanceSchema } from './organization-balance.model.ts'
import { PlanMoveSchema } from './plan-move.model.ts'
import { PlanMoveProblemSchema } from './plan-move-problem.model.ts'
import { SecretSchema } from './secret.model.ts'
import { TariffComponentSchema } from './tariff-component.model.ts'
import { TariffPlanSchema } from './tariff-plan.model.ts'
import { TariffVersionSchema } from './tariff-version.model.ts'
import { TeamMemberSchema } from './team-member.model.ts'
import { UsageCounterSchema } from './usage-counter.model.ts'

/** Every entity, by name: found by nothing but this list. */
export const entities = [
  OrganizationSchema,
  OrganizationBalanceSchema,
  TariffPlanSchema,
  TariffVersionSchema,
  TariffComponentSchema,
  TeamMemberSchema,
  JobSchema,
  JobTextSchema,
  JobStageSchema,
  HoldSchema,
  LedgerEntrySchema,
  UsageCounterSchema,
  AbsorbedUsageSchema,
  BillingPeriodSchema,
  BalanceThresholdSchema,
  BalanceAlertSchema,
  FeatureChargeSchema,
  IdempotencyKeySchema,
  PlanMoveSchema,
  PlanMoveProblemSchema,
  ApiKeySchema,
  SecretSchema,
  AuditEntrySchema,
  AuditHeadSchema,
]
