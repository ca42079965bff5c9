import { Migration } from '@mikro-orm/migrations'

/**
 * API keys: who may come in, by the hash of what is shown. A key for one member of an organisation names the adding of that
 * member which it was made under, and ends with it without a word of the money path, which removes members.
 */
export class Migration20261124102000_api_keys extends Migration {
  override name = 'Migration20261124102000_api_keys'

  override up(): void {
    for (const statement of KEYS) this.addSql(statement)
  }
}

const KEYS = [
  `create table "tollkeeper"."api_keys" ("id" uuid not null, "role" text not null, "organization_id" varchar(64) null, "user_id" varchar(64) null, "membership" uuid null, "name" text not null, "hash" bytea not null, "hint" varchar(4) not null, "created_at" timestamptz(3) not null, "created_by" text not null, "expires_at" timestamptz(3) null, "retires_at" timestamptz(3) null, "revoked_at" timestamptz(3) null, "last_used_at" timestamptz(3) null, "line_id" uuid not null, "rotated_from" uuid null, primary key ("id"))`,
  `alter table "tollkeeper"."api_keys" add constraint "api_keys_hash_unique" unique ("hash")`,
  `create index "api_keys_of_organization" on "tollkeeper"."api_keys" ("organization_id", "id")`,
  `create index "api_keys_line" on "tollkeeper"."api_keys" ("line_id")`,
  `alter table "tollkeeper"."api_keys" add constraint "api_keys_role_known" check (role in ('admin', 'operator', 'organization'))`,
  `alter table "tollkeeper"."api_keys" add constraint "api_keys_owner" check ((role = 'organization') = (organization_id is not null))`,
  `alter table "tollkeeper"."api_keys" add constraint "api_keys_member" check ((user_id is null) = (membership is null))`,
  `alter table "tollkeeper"."api_keys" add constraint "api_keys_hash_size" check (octet_length(hash) = 32)`,
  `alter table "tollkeeper"."api_keys" add constraint "api_keys_organization_fk" foreign key ("organization_id") references "tollkeeper"."organizations" ("id") on update no action on delete no action`,
  `alter table "tollkeeper"."api_keys" add constraint "api_keys_member_fk" foreign key ("organization_id", "user_id") references "tollkeeper"."team_members" ("organization_id", "user_id") on update no action on delete no action`,
]
