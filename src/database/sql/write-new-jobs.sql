insert into tollkeeper.jobs (
  id, organization_id, user_id, external_id, submit_key, submit_hash, runner, state, stage, steps, max_cost, created_at)
select x.id, x.organization_id, x.user_id, x.external_id, x.submit_key, x.submit_hash, x.runner, 'queued', 'input',
  x.steps, x.max_cost, tollkeeper.from_ms(x.created_at)
from unnest(
  $1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::jsonb[], $9::bigint[],
  $10::bigint[]
) as x(id, organization_id, user_id, external_id, submit_key, submit_hash, runner, steps, max_cost, created_at)
