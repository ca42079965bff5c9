import { Migration } from '@mikro-orm/migrations'

/** What the platform bears itself was a count with its stage; now it is kept row by row, so that margin can be seen. */
export class Migration20261123200000_absorbed_usage extends Migration {
  override name = 'Migration20261123200000_absorbed_usage'

  override up(): void {
    for (const statement of STATEMENTS) this.addSql(statement)
  }
}

const STATEMENTS = [
  `create table "tollkeeper"."absorbed_usage" ("id" uuid not null, "organization_id" varchar(64) not null, "job_id" uuid not null, "stage" varchar(64) not null, "reason" text not null, "usage" json not null, "tokens" bigint not null, "cost" bigint not null, "created_at" timestamptz(3) not null, primary key ("id"))`,
  `create index "absorbed_usage_of_organization" on "tollkeeper"."absorbed_usage" ("organization_id", "created_at")`,
  `create index "absorbed_usage_of_job" on "tollkeeper"."absorbed_usage" ("job_id")`,
  `alter table "tollkeeper"."absorbed_usage" add constraint "absorbed_usage_reason_known" check (reason in ('replayed', 'late', 'abandoned', 'broken_off'))`,
  `alter table "tollkeeper"."absorbed_usage" add constraint "absorbed_usage_figures" check (tokens >= 0 and cost >= 0)`,
]
