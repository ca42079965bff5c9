-- The jobs that were stored under these keys, a row for each in their order.
select k.id, k.submit_hash
from unnest($1::text[], $2::text[]) with ordinality as w(organization_id, submit_key, place)
left join lateral (
  select j.id, j.submit_hash from tollkeeper.jobs j
  where j.organization_id = w.organization_id and j.submit_key = w.submit_key
  limit 1
) as k on true
order by w.place
