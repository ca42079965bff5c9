import { Migration } from '@mikro-orm/migrations'

/**
 * A member may have a limit for the jobs of each period. What they hold and were charged is counted with the member from
 * now on; what jobs of the running period have come to until now is counted here. The row changes with every hold, and so
 * gets room beside it on its page.
 */
export class Migration20261124003000_member_limits extends Migration {
  override name = 'Migration20261124003000_member_limits'

  override up(): void {
    for (const statement of STATEMENTS) this.addSql(statement)
  }
}

const STATEMENTS = [
  `alter table "tollkeeper"."team_members" add column "spending_limit" bigint null, add column "committed" bigint not null default 0, add column "committed_period" timestamptz(3) null`,
  `alter table "tollkeeper"."team_members" set (fillfactor = 50)`,
  `alter table "tollkeeper"."team_members" add constraint "team_members_limit_not_negative" check (spending_limit >= 0)`,
  `alter table "tollkeeper"."team_members" add constraint "team_members_committed_not_negative" check (committed >= 0)`,
  `create index "team_members_owners" on "tollkeeper"."team_members" ("organization_id") where (role = 'owner'::text and state = 'active'::text)`,
  `update "tollkeeper"."team_members" m set "committed" = x.amount, "committed_period" = x.period_start
    from (
      select j.organization_id, j.user_id, j.period_start, sum(
        coalesce((select sum(s.charged) from "tollkeeper"."job_stages" s where s.job_id = j.id and s.state = 'charged'), 0)
        + coalesce((select h.remaining from "tollkeeper"."holds" h where h.job_id = j.id and h.state = 'open'), 0)) as amount
      from "tollkeeper"."jobs" j
      join "tollkeeper"."organizations" o on o.id = j.organization_id and o.period_start = j.period_start
      where j.user_id is not null
      group by j.organization_id, j.user_id, j.period_start) x
    where x.organization_id = m.organization_id and x.user_id = m.user_id`,
]
