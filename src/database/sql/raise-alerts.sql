-- A threshold has one raised alert at most. Whoever raised one behind the back of this batch has said what it says; that is no
-- reason to undo the charges that it stands beside.
insert into tollkeeper.balance_alerts (
  id, organization_id, threshold_id, metric, below, clear_at, value, available, demanded, estimated, seq, raised_at, cleared_at)
select x.id, x.organization_id, x.threshold_id, x.metric, x.below, x.clear_at, x.value, x.available, x.demanded,
  x.estimated, x.seq, tollkeeper.from_ms(x.raised_at), tollkeeper.from_ms(x.cleared_at)
from unnest(
  $1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[],
  $10::boolean[], $11::bigint[], $12::bigint[], $13::bigint[]
) as x(
  id, organization_id, threshold_id, metric, below, clear_at, value, available, demanded, estimated, seq, raised_at,
  cleared_at)
on conflict do nothing
