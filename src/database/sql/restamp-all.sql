-- Whoever repairs rows of the money path by hand cannot be expected to know about stamps: every organisation gets a new one.
create or replace function tollkeeper.restamp_all() returns trigger
language plpgsql
as $$
begin
  perform 1 from tollkeeper.organization_balances order by organization_id for update;
  update tollkeeper.organization_balances set stamp = gen_random_uuid();
  return null;
end
$$;
