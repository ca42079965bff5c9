-- The organisations of locked balances, the time of the lock, and who waits for money. $2: whose parked jobs are counted.
select tollkeeper.to_ms(clock_timestamp()), o.id, o.currency, o.status, o.tariff_version_id,
  tollkeeper.to_ms(o.period_anchor), tollkeeper.to_ms(o.period_start), tollkeeper.to_ms(o.period_end),
  exists (select 1 from tollkeeper.jobs j where j.organization_id = o.id and j.state = 'rejected_for_balance')
    or exists (select 1 from tollkeeper.team_members m
      where m.organization_id = o.id and m.state = 'pending_payment'),
  case when o.id = any ($2::text[]) then (select count(*) from tollkeeper.jobs j
    where j.organization_id = o.id and j.state = 'rejected_for_balance') end
from tollkeeper.organizations o where o.id = any ($1::text[])
