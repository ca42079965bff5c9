-- The ledger is written once: corrections are new entries. The trigger refuses even the owner.
create or replace function tollkeeper.refuse_change() returns trigger
language plpgsql
as $$
begin
  raise exception 'ledger entries are never changed: write a reversal or an adjustment instead'
    using errcode = 'restrict_violation', constraint = 'ledger_entries_append_only';
end
$$;
