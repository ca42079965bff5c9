update tollkeeper.holds h
set amount = x.amount, remaining = x.remaining, state = x.state, closed_at = tollkeeper.from_ms(x.closed_at)
from unnest($1::uuid[], $2::int[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[])
  as x(job_id, generation, amount, remaining, state, closed_at)
where h.job_id = x.job_id and h.generation = x.generation
