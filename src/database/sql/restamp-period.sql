-- What a period owes decides about money as the balance does.
create or replace function tollkeeper.restamp_period() returns trigger
language plpgsql
as $$
begin
  update tollkeeper.organization_balances set stamp = gen_random_uuid() where organization_id = new.organization_id;
  return null;
end
$$;
