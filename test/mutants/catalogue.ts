import { ALERT_MUTANTS } from './alert-mutants.ts'
import { AUDIT_MUTANTS } from './audit-mutants.ts'
import { BATCHER_MUTANTS } from './batcher-mutants.ts'
import { DATABASE_MUTANTS } from './database-mutants.ts'
import { FEATURE_MUTANTS } from './feature-mutants.ts'
import { FUNDING_MUTANTS } from './funding-mutants.ts'
import { HOLD_MUTANTS } from './hold-mutants.ts'
import { KEY_MUTANTS } from './key-mutants.ts'
import { LIMIT_MUTANTS } from './limit-mutants.ts'
import { MEMORY_MUTANTS } from './memory-mutants.ts'
import { METER_MUTANTS } from './meter-mutants.ts'
import { MINIMUM_MUTANTS } from './minimum-mutants.ts'
import type { Mutant } from './mutant.ts'
import { PLAN_MUTANTS } from './plan-mutants.ts'
import { PRICING_MUTANTS } from './pricing-mutants.ts'
import { QUOTE_MUTANTS } from './quote-mutants.ts'
import { READ_MUTANTS } from './read-mutants.ts'
import { RENEWAL_MUTANTS } from './renewal-mutants.ts'
import { REPEAT_MUTANTS } from './repeat-mutants.ts'
import { REPORT_MUTANTS } from './report-mutants.ts'
import { SETTLE_MUTANTS } from './settle-mutants.ts'
import { SLIP_MUTANTS } from './slip-mutants.ts'
import { STOP_MUTANTS } from './stop-mutants.ts'
import { SUBMIT_MUTANTS } from './submit-mutants.ts'
import { TRANSACTION_MUTANTS } from './transaction-mutants.ts'
import { USAGE_MUTANTS } from './usage-mutants.ts'
import { WAKE_MUTANTS } from './wake-mutants.ts'
import { WORK_MUTANTS } from './work-mutants.ts'
import { WRITE_MUTANTS } from './write-mutants.ts'

/** Every mutant. Where its file was changed, point `find` at the new text, or drop what cannot go wrong any more. */
export const MUTANTS: readonly Mutant[] = [
  ...TRANSACTION_MUTANTS,
  ...MEMORY_MUTANTS,
  ...METER_MUTANTS,
  ...PRICING_MUTANTS,
  ...QUOTE_MUTANTS,
  ...MINIMUM_MUTANTS,
  ...HOLD_MUTANTS,
  ...SETTLE_MUTANTS,
  ...REPEAT_MUTANTS,
  ...STOP_MUTANTS,
  ...FUNDING_MUTANTS,
  ...RENEWAL_MUTANTS,
  ...LIMIT_MUTANTS,
  ...FEATURE_MUTANTS,
  ...SLIP_MUTANTS,
  ...WAKE_MUTANTS,
  ...WORK_MUTANTS,
  ...BATCHER_MUTANTS,
  ...SUBMIT_MUTANTS,
  ...READ_MUTANTS,
  ...WRITE_MUTANTS,
  ...DATABASE_MUTANTS,
  ...PLAN_MUTANTS,
  ...USAGE_MUTANTS,
  ...REPORT_MUTANTS,
  ...ALERT_MUTANTS,
  ...KEY_MUTANTS,
  ...AUDIT_MUTANTS,
]
