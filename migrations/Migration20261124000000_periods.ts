import { Migration } from '@mikro-orm/migrations'

/**
 * Periods as rows: what each costs, whether it is paid, and the balance at both its ends. Whoever is a customer already
 * begins with a first period that owes nothing, so that nobody is charged for the time before.
 */
export class Migration20261124000000_periods extends Migration {
  override name = 'Migration20261124000000_periods'

  override up(): void {
    for (const statement of [...TARIFFS, ...ORGANIZATIONS, ...PERIODS, ...STAMPS]) this.addSql(statement)
  }
}

const TARIFFS = [
  `alter table "tollkeeper"."tariff_versions" add column "grace_days" int not null default 7, add column "suspend_after_days" int not null default 30`,
  `alter table "tollkeeper"."tariff_versions" add constraint "tariff_versions_days_not_negative" check (grace_days >= 0 and suspend_after_days >= 0)`,
]

const ORGANIZATIONS = [
  `alter table "tollkeeper"."organizations" add column "next_tariff_version_id" uuid null, add column "next_tariff_at" timestamptz(3) null, add column "due_since" timestamptz(3) null, add column "status_until" timestamptz(3) null, add column "period_number" int not null default 1`,
  `alter table "tollkeeper"."organizations" add constraint "organizations_next_tariff_version_fk" foreign key ("next_tariff_version_id") references "tollkeeper"."tariff_versions" ("id") on update no action on delete no action`,
  `create index "organizations_period_end" on "tollkeeper"."organizations" ("period_end")`,
  `create index "organizations_due_by_time" on "tollkeeper"."organizations" (least("status_until", "next_tariff_at")) where ((status_until is not null) or (next_tariff_at is not null))`,
]

const PERIODS = [
  `create table "tollkeeper"."billing_periods" ("organization_id" varchar(64) not null, "number" int not null, "period_start" timestamptz(3) not null, "period_end" timestamptz(3) not null, "tariff_version_id" uuid null, "plan_fee" bigint not null default 0, "seats" int not null default 0, "seat_fee" bigint not null default 0, "credit" bigint not null default 0, "due_at" timestamptz(3) not null, "paid_at" timestamptz(3) null, "opening_seq" bigint not null default 0, "opening_available" bigint not null default 0, "opening_held" bigint not null default 0, "closing_seq" bigint null, "closing_available" bigint null, "closing_held" bigint null, "closed_at" timestamptz(3) null, primary key ("organization_id", "number"))`,
  `create index "billing_periods_open" on "tollkeeper"."billing_periods" ("organization_id", "number") where ((closed_at is null) or (paid_at is null))`,
  `alter table "tollkeeper"."billing_periods" add constraint "billing_periods_amounts" check (plan_fee >= 0 and seat_fee >= 0 and credit >= 0 and seats >= 0)`,
  `alter table "tollkeeper"."billing_periods" add constraint "billing_periods_closed_whole" check ((closed_at is null) = (closing_seq is null))`,
  `alter table "tollkeeper"."billing_periods" add constraint "billing_periods_organization_fk" foreign key ("organization_id") references "tollkeeper"."organizations" ("id") on update no action on delete no action`,
  `alter table "tollkeeper"."billing_periods" add constraint "billing_periods_tariff_version_fk" foreign key ("tariff_version_id") references "tollkeeper"."tariff_versions" ("id") on update no action on delete no action`,
  `insert into "tollkeeper"."billing_periods" ("organization_id", "number", "period_start", "period_end", "tariff_version_id", "due_at", "paid_at")
    select id, 1, period_start, period_end, tariff_version_id, period_start, period_start from "tollkeeper"."organizations"`,
]

const STAMPS = [
  `-- What a period owes decides about money as the balance does.
create or replace function tollkeeper.restamp_period() returns trigger
language plpgsql
as $$
begin
  update tollkeeper.organization_balances set stamp = gen_random_uuid() where organization_id = new.organization_id;
  return null;
end
$$;
`,
  `create trigger "billing_periods_restamp" after insert or update on "tollkeeper"."billing_periods" for each row
    when (current_setting('tollkeeper.money_path', true) is distinct from 'on') execute function tollkeeper.restamp_period()`,
]
