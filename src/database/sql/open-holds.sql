insert into tollkeeper.holds (job_id, generation, organization_id, amount, remaining, state, opened_at, closed_at)
select x.job_id, x.generation, x.organization_id, x.amount, x.remaining, x.state, tollkeeper.from_ms(x.opened_at),
  tollkeeper.from_ms(x.closed_at)
from unnest(
  $1::uuid[], $2::int[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::bigint[], $8::bigint[]
) as x(job_id, generation, organization_id, amount, remaining, state, opened_at, closed_at)
