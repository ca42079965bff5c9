insert into tollkeeper.usage_counters (
  organization_id, plan_id, component, period_start, used, included_used, reserved)
select x.organization_id, x.plan_id, x.component, tollkeeper.from_ms(x.period_start), x.used, x.included_used, x.reserved
from unnest($1::text[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
  as x(organization_id, plan_id, component, period_start, used, included_used, reserved)
on conflict (organization_id, plan_id, component, period_start) do update
set used = excluded.used, included_used = excluded.included_used, reserved = excluded.reserved
