import { Migration } from '@mikro-orm/migrations'

/**
 * One index finds the entries of a job and refuses a key that was used: a key of a job names its job, so the two together
 * are unique when the key is. Keys without a job count as keys of one job that is none.
 */
export class Migration20261123180000_keys_of_jobs extends Migration {
  override name = 'Migration20261123180000_keys_of_jobs'

  override up(): void {
    // The new index is there before the old ones go.
    for (const statement of STATEMENTS) this.addSql(statement)
  }
}

const STATEMENTS = [
  `create unique index "ledger_entries_key_unique" on "tollkeeper"."ledger_entries" ("job_id", "business_key") nulls not distinct`,
  'alter table "tollkeeper"."ledger_entries" drop constraint "ledger_entries_business_key_unique"',
  'drop index "tollkeeper"."ledger_entries_of_job"',
]
