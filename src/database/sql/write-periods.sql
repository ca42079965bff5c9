update tollkeeper.organizations o
set period_start = tollkeeper.from_ms(x.period_start), period_end = tollkeeper.from_ms(x.period_end)
from unnest($1::text[], $2::bigint[], $3::bigint[]) as x(id, period_start, period_end)
where o.id = x.id
