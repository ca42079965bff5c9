import { Migration } from '@mikro-orm/migrations'

/** What a job is charged at least. Versions of earlier times have no minimum. */
export class Migration20261124001000_minimum_per_job extends Migration {
  override name = 'Migration20261124001000_minimum_per_job'

  override up(): void {
    for (const statement of STATEMENTS) this.addSql(statement)
  }
}

const STATEMENTS = [
  `alter table "tollkeeper"."tariff_versions" add column "minimum_per_job" bigint not null default 0`,
  `alter table "tollkeeper"."tariff_versions" add constraint "tariff_versions_minimum_not_negative" check (minimum_per_job >= 0)`,
]
