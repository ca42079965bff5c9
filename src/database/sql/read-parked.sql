-- The ids of parked jobs that the batch's walks look at: a page each, oldest first. $4: whether a walk looks only at jobs that
-- may fit what is spendable and what is left of their users' limits. The index ends in what each will cost at least, so
-- that no row is visited which money alone forbids; jobs of an earlier period have no limit.
select parked.id
from unnest($1::text[], $2::bigint[], $3::uuid[], $4::boolean[]) as w(organization, parked_at, id, fitting)
join tollkeeper.organization_balances b on b.organization_id = w.organization
join tollkeeper.organizations o on o.id = w.organization
cross join lateral (
  select j.id from tollkeeper.jobs j
  where j.organization_id = w.organization and j.state = 'rejected_for_balance'
    and (j.parked_at, j.id) > (coalesce(tollkeeper.from_ms(w.parked_at), '-infinity'),
      coalesce(w.id, '00000000-0000-0000-0000-000000000000'))
    and coalesce((j.rejection ->> 'atLeast')::bigint, 0)
      <= case when w.fitting then b.available + b.overdraft_limit else 9223372036854775807 end
    and (not w.fitting or not exists (
      select 1 from tollkeeper.team_members m
      where m.organization_id = w.organization and m.user_id = j.user_id
        and coalesce(j.period_start, o.period_start) = o.period_start
        and coalesce((j.rejection ->> 'atLeast')::bigint, 0)
          > m.spending_limit - case when m.committed_period = o.period_start then m.committed else 0 end))
  order by j.parked_at, j.id
  limit $5::int
) parked
