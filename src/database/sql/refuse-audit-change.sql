-- The audit log is written once, and its head only moves on by one: even the owner is refused anything else.
create or replace function tollkeeper.refuse_audit_change() returns trigger
language plpgsql
as $$
begin
  raise exception 'the audit log is never changed: what is wrong in it is said by a new entry'
    using errcode = 'restrict_violation', constraint = 'audit_log_append_only';
end
$$;
