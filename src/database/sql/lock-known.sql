-- The money path's lock for a batch that was decided on remembered rows: refused unless each organisation still bears the
-- stamp of its last change that this process knows, and the time that was decided by is about the present one.
-- $2: the stamps by id; $3: that time, or null where it is of a clock that was given.
select tollkeeper.refuse_outdated(
  coalesce(array_agg(known.organization_id) filter (
    where known.stamp is distinct from ($2::jsonb ->> known.organization_id)::uuid), '{}'),
  count(*) < cardinality($1::text[])
    or coalesce(abs(tollkeeper.to_ms(clock_timestamp()) - $3::bigint) >= 1000, false))
from (
  select organization_id::text, stamp from tollkeeper.organization_balances
  where organization_id = any ($1::text[]) order by organization_id for update) known
