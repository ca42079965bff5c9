-- What new jobs are judged by, a row for each in their order: the time, the organisation, the member, and when an earlier
-- try of this very job was stored. Looked up one by one: joined, a plan from the days of an empty table goes through all jobs.
select tollkeeper.to_ms(now()), o.currency, o.tariff_version_id is not null,
  (select m.state from tollkeeper.team_members m where m.organization_id = w.organization_id and m.user_id = w.user_id),
  (select tollkeeper.to_ms(e.created_at) from tollkeeper.jobs e where e.id = w.earlier_id)
from unnest($1::text[], $2::text[], $3::uuid[]) with ordinality as w(organization_id, user_id, earlier_id, place)
left join tollkeeper.organizations o on o.id = w.organization_id
order by w.place
