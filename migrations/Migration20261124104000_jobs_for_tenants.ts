import { Migration } from '@mikro-orm/migrations'

/**
 * Lists of jobs are narrowed to a member, an id of the customer's own, or the few that failed or were cancelled. A job without
 * a member and such an id that is charged stands in none of these indexes, and costs the evaluation of their conditions. An
 * id of more than the 200 characters that the API takes is too large for an index, and nobody can ask for it.
 */
export class Migration20261124104000_jobs_for_tenants extends Migration {
  override name = 'Migration20261124104000_jobs_for_tenants'

  override up(): void {
    for (const statement of INDEXES) this.addSql(statement)
  }
}

const INDEXES = [
  `create index "jobs_of_member" on "tollkeeper"."jobs" ("organization_id", "user_id", "id") where (user_id is not null)`,
  `create index "jobs_of_external_id" on "tollkeeper"."jobs" ("organization_id", "external_id", "id") where (octet_length(external_id) <= 800)`,
  `create index "jobs_not_charged" on "tollkeeper"."jobs" ("organization_id", "state", "id") where (state = any (array['failed'::text, 'cancelled'::text]))`,
]
