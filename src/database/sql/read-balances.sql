-- What organisations have, a row for each in their order; nulls where there is none of that id.
select o.id, o.currency, b.available, b.held, b.overdraft_limit, b.seats_used, b.seats_paid, v.max_team_members,
  (select count(*) from tollkeeper.jobs j where j.organization_id = o.id and j.state = 'rejected_for_balance'), b.seq
from unnest($1::text[]) with ordinality as w(organization_id, place)
left join tollkeeper.organizations o on o.id = w.organization_id
left join tollkeeper.organization_balances b on b.organization_id = o.id
left join tollkeeper.tariff_versions v on v.id = o.tariff_version_id
order by w.place
