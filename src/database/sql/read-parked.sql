-- The ids of parked jobs that the batch's wakes look at: a page each, oldest first, or one job.
select parked.id
from unnest($1::text[], $2::uuid[], $3::bigint[], $4::uuid[], $5::int[]) as w(organization, job, parked_at, id, take)
cross join lateral (
  select j.id from tollkeeper.jobs j
  where j.organization_id = w.organization and j.state = 'rejected_for_balance'
    and (w.job is null or j.id = w.job)
    and (w.parked_at is null or (j.parked_at, j.id) > (tollkeeper.from_ms(w.parked_at), w.id))
  order by j.parked_at, j.id
  limit w.take
) parked
