import { Migration } from '@mikro-orm/migrations'

/**
 * What was answered under a client's key for a request, written in the transaction of its effect. Without a foreign key to
 * the organisation: some requests concern none, and the rest hold their organisation's lock. The sweep removes what is old.
 */
export class Migration20261124101000_idempotency_keys extends Migration {
  override name = 'Migration20261124101000_idempotency_keys'

  override up(): void {
    for (const statement of STATEMENTS) this.addSql(statement)
  }
}

const STATEMENTS = [
  `create table "tollkeeper"."idempotency_keys" ("scope" varchar(64) not null, "key" text not null, "request_hash" text not null, "slip_id" uuid not null, "status" int not null, "location" text null, "body" text not null, "created_at" timestamptz(3) not null, "expires_at" timestamptz(3) not null, primary key ("scope", "key"))`,
  `create index "idempotency_keys_expiry" on "tollkeeper"."idempotency_keys" ("expires_at")`,
  `alter table "tollkeeper"."idempotency_keys" add constraint "idempotency_keys_of_success" check (status >= 200 and status < 300)`,
  `alter table "tollkeeper"."idempotency_keys" add constraint "idempotency_keys_life" check (expires_at > created_at)`,
]
