-- A balance that is changed without a new stamp gets one, so that nobody takes remembered figures for the present ones.
create or replace function tollkeeper.restamp() returns trigger
language plpgsql
as $$
begin
  new.stamp := gen_random_uuid();
  return new;
end
$$;
