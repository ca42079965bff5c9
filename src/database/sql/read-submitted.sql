-- What new jobs are judged by, a row for each in their order: the time, the organisation, the member, the job that was
-- stored under the same key before, and what an earlier try of this very job has stored.
select tollkeeper.to_ms(now()), o.currency, o.tariff_version_id is not null, m.state, k.id, k.submit_hash,
  tollkeeper.to_ms(e.created_at)
from unnest($1::text[], $2::text[], $3::text[], $4::uuid[]) with ordinality
  as w(organization_id, user_id, submit_key, earlier_id, place)
left join tollkeeper.organizations o on o.id = w.organization_id
left join tollkeeper.team_members m on m.organization_id = w.organization_id and m.user_id = w.user_id
left join tollkeeper.jobs k on k.organization_id = w.organization_id and k.submit_key = w.submit_key
left join tollkeeper.jobs e on e.id = w.earlier_id
order by w.place
