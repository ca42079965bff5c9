-- Appends an entry to the audit log: numbers it, chains it to the one before by its hash, and moves the head. The head is
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
