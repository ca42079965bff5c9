insert into tollkeeper.absorbed_usage (
  id, organization_id, job_id, stage, reason, usage, tokens, cost, created_at)
select x.id, x.organization_id, x.job_id, x.stage, x.reason, x.usage, x.tokens, x.cost, tollkeeper.from_ms(x.created_at)
from unnest(
  $1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::json[], $7::bigint[], $8::bigint[], $9::bigint[]
) as x(id, organization_id, job_id, stage, reason, usage, tokens, cost, created_at)
