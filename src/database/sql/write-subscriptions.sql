update tollkeeper.organizations o
set status = x.status, tariff_version_id = x.tariff_version_id, next_tariff_version_id = x.next_tariff_version_id,
  next_tariff_at = tollkeeper.from_ms(x.next_tariff_at),  period_anchor = tollkeeper.from_ms(x.period_anchor),
  period_number = x.period_number,
  period_start = tollkeeper.from_ms(x.period_start), period_end = tollkeeper.from_ms(x.period_end),
  due_since = tollkeeper.from_ms(x.due_since), status_until = tollkeeper.from_ms(x.status_until)
from unnest(
  $1::text[], $2::text[], $3::uuid[], $4::uuid[], $5::bigint[], $6::int[], $7::bigint[], $8::bigint[], $9::bigint[],
  $10::bigint[], $11::bigint[]
) as x(
  id, status, tariff_version_id, next_tariff_version_id, period_anchor, period_number, period_start, period_end,
  due_since, status_until, next_tariff_at)
where o.id = x.id
