-- What is null of bound, usage, lines and result stays as it is: they are written once and never travel through a lock.
update tollkeeper.job_stages s
set state = x.state, bound = coalesce(x.bound, s.bound), grants = x.grants, usage = coalesce(x.usage, s.usage),
  lines = coalesce(x.lines, s.lines), result = coalesce(x.result, s.result), tokens = x.tokens, charged = x.charged,
  absorbed = x.absorbed, starts = x.starts, claim_id = x.claim_id,
  claimed_until = tollkeeper.from_ms(x.claimed_until), delivery = x.delivery, check_at = tollkeeper.from_ms(x.check_at),
  finished_at = tollkeeper.from_ms(x.finished_at)
from unnest(
  $1::uuid[], $2::text[], $3::text[], $4::jsonb[], $5::jsonb[], $6::json[], $7::json[], $8::text[], $9::bigint[],
  $10::bigint[], $11::int[], $12::int[], $13::uuid[], $14::bigint[], $15::int[], $16::bigint[], $17::bigint[]
) as x(
  job_id, stage, state, bound, grants, usage, lines, result, tokens, charged, absorbed, starts, claim_id,
  claimed_until, delivery, check_at, finished_at)
where s.job_id = x.job_id and s.stage = x.stage
