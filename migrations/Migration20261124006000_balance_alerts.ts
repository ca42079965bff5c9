import { Migration } from '@mikro-orm/migrations'

/**
 * Thresholds on a balance, and the alerts of their crossings. Thresholds travel with their organisation's row on the money
 * path, so that whoever changes them by hand leaves new stamps, as for every other row that is remembered. What an
 * organisation's queued jobs will need is looked up by its own index, however many jobs it has had.
 */
export class Migration20261124006000_balance_alerts extends Migration {
  override name = 'Migration20261124006000_balance_alerts'

  override up(): void {
    for (const statement of [...THRESHOLDS, ...ALERTS, ...STAMPS, QUEUED]) this.addSql(statement)
  }
}

const THRESHOLDS = [
  `create table "tollkeeper"."balance_thresholds" ("id" uuid not null, "organization_id" varchar(64) not null, "metric" text not null, "below" bigint not null, "clear_at" bigint not null, "created_at" timestamptz(3) not null, primary key ("id"))`,
  `alter table "tollkeeper"."balance_thresholds" add constraint "balance_thresholds_line_unique" unique ("organization_id", "metric", "below")`,
  `alter table "tollkeeper"."balance_thresholds" add constraint "balance_thresholds_metric_known" check (metric in ('available', 'headroom'))`,
  `alter table "tollkeeper"."balance_thresholds" add constraint "balance_thresholds_hysteresis" check (below >= 0 and clear_at > below)`,
  `alter table "tollkeeper"."balance_thresholds" add constraint "balance_thresholds_organization_fk" foreign key ("organization_id") references "tollkeeper"."organizations" ("id") on update no action on delete no action`,
]

const ALERTS = [
  `create table "tollkeeper"."balance_alerts" ("id" uuid not null, "organization_id" varchar(64) not null, "threshold_id" uuid not null, "metric" text not null, "below" bigint not null, "clear_at" bigint not null, "value" bigint not null, "available" bigint not null, "demanded" bigint null, "estimated" boolean not null, "seq" bigint not null, "raised_at" timestamptz(3) not null, "cleared_at" timestamptz(3) null, "told_at" timestamptz(3) null, primary key ("id"))`,
  `create index "balance_alerts_of_organization" on "tollkeeper"."balance_alerts" ("organization_id", "id")`,
  `create unique index "balance_alerts_one_raised" on "tollkeeper"."balance_alerts" ("organization_id", "threshold_id") where (cleared_at is null)`,
  `create index "balance_alerts_untold" on "tollkeeper"."balance_alerts" ("id") where (told_at is null)`,
  `alter table "tollkeeper"."balance_alerts" add constraint "balance_alerts_metric_known" check (metric in ('available', 'headroom'))`,
  `alter table "tollkeeper"."balance_alerts" add constraint "balance_alerts_figures" check (demanded >= 0 and seq >= 0)`,
]

const BY_OTHERS = `current_setting('tollkeeper.money_path', true) is distinct from 'on'`
const onChange = (table: string, change: string): string =>
  `create trigger "${table}_restamp" after ${change} on "tollkeeper"."${table}" for each statement
    when (${BY_OTHERS}) execute function tollkeeper.restamp_all()`

const STAMPS = [
  onChange('balance_thresholds', 'insert or update or delete'),
  // Not when somebody was told of one.
  onChange('balance_alerts', 'insert or delete or update of threshold_id, cleared_at'),
]

const QUEUED = `create index "jobs_queued" on "tollkeeper"."jobs" ("organization_id", "id") where (state = 'queued'::text)`
