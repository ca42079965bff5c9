-- The organisations of locked balances, the time of the lock, who waits for money, and where somebody wants to be told that
-- it runs low. $2: whose parked jobs are counted; $3: the time by a clock that was given, else the database's.
select coalesce($3::bigint, tollkeeper.to_ms(clock_timestamp())), o.id, o.currency, o.status, o.tariff_version_id,
  tollkeeper.to_ms(o.period_anchor), tollkeeper.to_ms(o.period_start), tollkeeper.to_ms(o.period_end),
  exists (select 1 from tollkeeper.jobs j where j.organization_id = o.id and j.state = 'rejected_for_balance')
    or exists (select 1 from tollkeeper.team_members m
      where m.organization_id = o.id and m.state = 'pending_payment')
    or o.due_since is not null,
  case when o.id = any ($2::text[]) then (select count(*) from tollkeeper.jobs j
    where j.organization_id = o.id and j.state = 'rejected_for_balance') end,
  o.period_number, o.next_tariff_version_id, tollkeeper.to_ms(o.due_since), tollkeeper.to_ms(o.status_until),
  tollkeeper.to_ms(o.next_tariff_at),
  (select json_agg(json_build_object('number', p.number, 'start', tollkeeper.to_ms(p.period_start),
      'end', tollkeeper.to_ms(p.period_end), 'tariffVersionId', p.tariff_version_id, 'planFee', p.plan_fee::text,
      'seats', p.seats, 'seatFee', p.seat_fee::text, 'credit', p.credit::text, 'dueAt', tollkeeper.to_ms(p.due_at),
      'paidAt', tollkeeper.to_ms(p.paid_at), 'closedAt', tollkeeper.to_ms(p.closed_at),
      'opening', json_build_array(p.opening_seq, p.opening_available::text, p.opening_held::text),
      'closing', case when p.closing_seq is not null then
        json_build_array(p.closing_seq, p.closing_available::text, p.closing_held::text) end) order by p.number)
    from tollkeeper.billing_periods p
    where p.organization_id = o.id and (p.closed_at is null or p.paid_at is null)),
  (select json_agg(json_build_array(t.id, t.metric, t.below::text, t.clear_at::text, tollkeeper.to_ms(t.created_at), a.id)
      order by t.id)
    from tollkeeper.balance_thresholds t
    left join tollkeeper.balance_alerts a
      on a.organization_id = t.organization_id and a.threshold_id = t.id and a.cleared_at is null
    where t.organization_id = o.id)
from tollkeeper.organizations o where o.id = any ($1::text[])
