import { Migration } from '@mikro-orm/migrations'

/**
 * The audit log: who changed what, each entry chained to the one before by its hash. The head's single row says where the
 * chain ends, so that a tail that was cut off is missed; it is rewritten in place by each append, hence the room on its page.
 */
export class Migration20261124100000_audit_log extends Migration {
  override name = 'Migration20261124100000_audit_log'

  override up(): void {
    for (const statement of [...TABLES, ...FUNCTIONS, ...GUARDS]) this.addSql(statement)
  }
}

const TABLES = [
  `create table "tollkeeper"."audit_log" ("seq" bigint not null, "entry" text not null, "prev_hash" bytea not null, "hash" bytea not null, "at" timestamptz(3) not null, "action" text not null, "organization_id" varchar(64) null, "key_id" text null, primary key ("seq"))`,
  `create index "audit_log_of_organization" on "tollkeeper"."audit_log" ("organization_id", "seq")`,
  `create index "audit_log_of_action" on "tollkeeper"."audit_log" ("action", "seq")`,
  `create index "audit_log_of_key" on "tollkeeper"."audit_log" ("key_id", "seq")`,
  `create index "audit_log_of_time" on "tollkeeper"."audit_log" ("at")`,
  `alter table "tollkeeper"."audit_log" add constraint "audit_log_hashes_are_sha256" check (octet_length(prev_hash) = 32 and octet_length(hash) = 32)`,
  `create table "tollkeeper"."audit_head" ("id" smallint not null, "seq" bigint not null, "hash" bytea not null, primary key ("id"))`,
  `alter table "tollkeeper"."audit_head" add constraint "audit_head_only_one" check (id = 1)`,
  `alter table "tollkeeper"."audit_head" add constraint "audit_head_hash_is_sha256" check (octet_length(hash) = 32)`,
  `alter table "tollkeeper"."audit_head" set (fillfactor = 10)`,
  `insert into "tollkeeper"."audit_head" ("id", "seq", "hash") values (1, 0, decode(repeat('00', 32), 'hex'))`,
]

const FUNCTIONS = [
  `-- Appends an entry to the audit log: numbers it, chains it to the one before by its hash, and moves the head. The head is
-- locked until the transaction ends, for every organisation: therefore the last statement of a transaction, behind every
-- other lock. By the owner's rights: nobody else can write the log or its head, but by appending.
-- The hash is the SHA-256 of three lines, the hash before in hex, the number, and the entry; no line break ends them.
create or replace function tollkeeper.append_audit(entry text) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  before_hash bytea;
  number bigint;
  own_hash bytea;
begin
  select h.hash, h.seq + 1 into before_hash, number from tollkeeper.audit_head h where h.id = 1 for update;
  if number is null then
    raise exception 'the head of the audit log is gone: find out who removed it, then put back number and hash of the last entry'
      using errcode = 'data_corrupted', constraint = 'audit_head_present';
  end if;
  own_hash := sha256(convert_to(encode(before_hash, 'hex') || chr(10) || number || chr(10) || entry, 'UTF8'));
  insert into tollkeeper.audit_log (seq, entry, prev_hash, hash, at, action, organization_id, key_id)
  select number, entry, before_hash, own_hash, said.at, said.action, said.organization_id, said.key_id
  from json_to_record(entry::json) as said(at timestamptz, action text, organization_id text, key_id text);
  update tollkeeper.audit_head set seq = number, hash = own_hash where id = 1;
  return number;
end
$$;
`,
  `-- The audit log is written once, and its head only moves on by one: even the owner is refused anything else.
create or replace function tollkeeper.refuse_audit_change() returns trigger
language plpgsql
as $$
begin
  raise exception 'the audit log is never changed: what is wrong in it is said by a new entry'
    using errcode = 'restrict_violation', constraint = 'audit_log_append_only';
end
$$;
`,
]

const REFUSE = 'execute function tollkeeper.refuse_audit_change()'

const GUARDS = [
  `create trigger "audit_log_append_only" before update or delete on "tollkeeper"."audit_log" for each row ${REFUSE}`,
  `create trigger "audit_log_never_truncated" before truncate on "tollkeeper"."audit_log" for each statement ${REFUSE}`,
  `create trigger "audit_head_only_moves_on" before update on "tollkeeper"."audit_head" for each row
    when (new.seq <> old.seq + 1) ${REFUSE}`,
  `create trigger "audit_head_never_removed" before delete on "tollkeeper"."audit_head" for each row ${REFUSE}`,
  `create trigger "audit_head_never_truncated" before truncate on "tollkeeper"."audit_head" for each statement ${REFUSE}`,
]
