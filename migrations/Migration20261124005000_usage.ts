import { Migration } from '@mikro-orm/migrations'

/**
 * A usage report finds jobs by the time in their ids; this finds those that took longer than a day, which are few. A job
 * that ends sooner costs the evaluation of the condition, and no entry.
 */
export class Migration20261124005000_usage extends Migration {
  override name = 'Migration20261124005000_usage'

  override up(): void {
    this.addSql(
      `create index "jobs_slow" on "tollkeeper"."jobs" ("organization_id", "finished_at") where ((finished_at - created_at) > '24:00:00'::interval)`,
    )
  }
}
