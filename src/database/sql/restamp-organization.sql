-- Status, tariff and period decide about money as the balance does.
create or replace function tollkeeper.restamp_organization() returns trigger
language plpgsql
as $$
begin
  update tollkeeper.organization_balances set stamp = gen_random_uuid() where organization_id = new.id;
  return null;
end
$$;
