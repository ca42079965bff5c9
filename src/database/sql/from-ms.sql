-- The way back from epoch milliseconds, exact to the millisecond.
create or replace function tollkeeper.from_ms(ms bigint) returns timestamptz
language sql stable parallel safe
return to_timestamp(ms::double precision / 1000);
