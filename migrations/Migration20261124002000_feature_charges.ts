import { Migration } from '@mikro-orm/migrations'

/** What is charged for features outside of any job: once under its key, also where the price is 0 and no entry says so. */
export class Migration20261124002000_feature_charges extends Migration {
  override name = 'Migration20261124002000_feature_charges'

  override up(): void {
    for (const statement of STATEMENTS) this.addSql(statement)
  }
}

const STATEMENTS = [
  `create table "tollkeeper"."feature_charges" ("id" uuid not null, "organization_id" varchar(64) not null, "key" text not null, "feature" varchar(64) not null, "quantity" bigint not null, "user_id" varchar(64) null, "tariff_version_id" uuid not null, "period_start" timestamptz(3) not null, "line" json not null, "balance" json not null, "charged" bigint not null, "ledger_seq" bigint null, "created_at" timestamptz(3) not null, primary key ("id"))`,
  `create index "feature_charges_newest" on "tollkeeper"."feature_charges" ("organization_id", "id")`,
  `alter table "tollkeeper"."feature_charges" add constraint "feature_charges_key_unique" unique ("organization_id", "key")`,
  `alter table "tollkeeper"."feature_charges" add constraint "feature_charges_figures" check (quantity > 0 and charged >= 0)`,
  `alter table "tollkeeper"."feature_charges" add constraint "feature_charges_entry_of_amount" check ((ledger_seq is null) = (charged = 0))`,
  `alter table "tollkeeper"."feature_charges" add constraint "feature_charges_tariff_version_fk" foreign key ("tariff_version_id") references "tollkeeper"."tariff_versions" ("id") on update no action on delete no action`,
]
