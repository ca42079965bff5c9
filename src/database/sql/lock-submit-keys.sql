-- Whoever submits the same key at this moment waits; in one order, so that two batches never wait for each other.
select pg_advisory_xact_lock(k.lock)
from (select distinct hashtextextended(n.name, 0) as lock from unnest($1::text[]) as n(name) order by 1) as k
