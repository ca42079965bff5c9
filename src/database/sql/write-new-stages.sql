insert into tollkeeper.job_stages (job_id, stage, position, state, delivery, check_at)
select x.job_id, x.stage, x.position, 'waiting', x.delivery, tollkeeper.from_ms(x.check_at)
from unnest($1::uuid[], $2::text[], $3::int[], $4::int[], $5::bigint[]) as x(job_id, stage, position, delivery, check_at)
