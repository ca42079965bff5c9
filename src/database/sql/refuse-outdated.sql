-- Ends a transaction that was decided on rows which have changed since: it has to be decided again.
create or replace function tollkeeper.refuse_outdated(changed text[], late boolean) returns void
language plpgsql
as $$
begin
  if cardinality(changed) > 0 or late then
    raise exception 'these rows have changed since they were read'
      using errcode = 'TK001', detail = array_to_json(changed)::text;
  end if;
end
$$;
