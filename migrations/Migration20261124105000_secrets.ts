import { Migration } from '@mikro-orm/migrations'

/**
 * What all processes of an installation know and nobody else: what cursors are signed with. It is drawn here, once, from
 * the server's strong random source (a UUID of version 4 has 122 random bits).
 */
export class Migration20261124105000_secrets extends Migration {
  override name = 'Migration20261124105000_secrets'

  override up(): void {
    for (const statement of STATEMENTS) this.addSql(statement)
  }
}

const STATEMENTS = [
  `create table "tollkeeper"."secrets" ("name" text not null, "value" bytea not null, primary key ("name"))`,
  `insert into "tollkeeper"."secrets" ("name", "value")
    values ('cursors', sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')))`,
]
