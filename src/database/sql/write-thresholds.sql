insert into tollkeeper.balance_thresholds (id, organization_id, metric, below, clear_at, created_at)
select x.id, x.organization_id, x.metric, x.below, x.clear_at, tollkeeper.from_ms(x.created_at)
from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[])
  as x(id, organization_id, metric, below, clear_at, created_at)
