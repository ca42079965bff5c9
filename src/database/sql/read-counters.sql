-- The counters of the periods that the batch charges: the organisations' present ones and those of the jobs' admissions.
select c.organization_id, c.plan_id, c.component, tollkeeper.to_ms(c.period_start), c.used, c.included_used, c.reserved
from tollkeeper.usage_counters c
where c.organization_id = any ($1::text[]) and c.period_start = any (array(
  select o.period_start from tollkeeper.organizations o where o.id = any ($1::text[])
  union
  select j.period_start from tollkeeper.jobs j where j.id = any ($2::uuid[])))
