-- Times travel as epoch milliseconds: exact as a number in JSON, unlike a formatted string not to be parsed wrongly.
create or replace function tollkeeper.to_ms(at timestamptz) returns bigint
language sql stable parallel safe
return (extract(epoch from at) * 1000)::bigint;
