import { Migration20261123000000_initial } from './Migration20261123000000_initial.ts'
import { Migration20261123120000_lean_money_path } from './Migration20261123120000_lean_money_path.ts'
import { Migration20261123180000_keys_of_jobs } from './Migration20261123180000_keys_of_jobs.ts'
import { Migration20261123200000_absorbed_usage } from './Migration20261123200000_absorbed_usage.ts'
import { Migration20261123220000_room_for_stages } from './Migration20261123220000_room_for_stages.ts'
import { Migration20261124000000_periods } from './Migration20261124000000_periods.ts'
import { Migration20261124001000_minimum_per_job } from './Migration20261124001000_minimum_per_job.ts'
import { Migration20261124002000_feature_charges } from './Migration20261124002000_feature_charges.ts'
import { Migration20261124003000_member_limits } from './Migration20261124003000_member_limits.ts'
import { Migration20261124004000_plan_life } from './Migration20261124004000_plan_life.ts'
import { Migration20261124005000_usage } from './Migration20261124005000_usage.ts'
import { Migration20261124006000_balance_alerts } from './Migration20261124006000_balance_alerts.ts'
import { Migration20261124100000_audit_log } from './Migration20261124100000_audit_log.ts'
import { Migration20261124101000_idempotency_keys } from './Migration20261124101000_idempotency_keys.ts'
import { Migration20261124102000_api_keys } from './Migration20261124102000_api_keys.ts'
import { Migration20261124104000_jobs_for_tenants } from './Migration20261124104000_jobs_for_tenants.ts'
import { Migration20261124105000_secrets } from './Migration20261124105000_secrets.ts'
import { Migration20261124190000_row_level_security } from './Migration20261124190000_row_level_security.ts'

/** Every migration, oldest first: an explicit list, so that the published package needs no folder scan. */
export const migrations = [
  Migration20261123000000_initial,
  Migration20261123120000_lean_money_path,
  Migration20261123180000_keys_of_jobs,
  Migration20261123200000_absorbed_usage,
  Migration20261123220000_room_for_stages,
  Migration20261124000000_periods,
  Migration20261124001000_minimum_per_job,
  Migration20261124002000_feature_charges,
  Migration20261124003000_member_limits,
  Migration20261124004000_plan_life,
  Migration20261124005000_usage,
  Migration20261124006000_balance_alerts,
  Migration20261124100000_audit_log,
  Migration20261124101000_idempotency_keys,
  Migration20261124102000_api_keys,
  Migration20261124104000_jobs_for_tenants,
  Migration20261124105000_secrets,
  Migration20261124190000_row_level_security,
]
