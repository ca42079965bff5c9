-- Members by name, the users of jobs that are not admitted yet, and whoever waits for a seat.
select organization_id, user_id, role, state, operation, charged, needed, missing, tollkeeper.to_ms(added_at)
from tollkeeper.team_members
where organization_id = any ($1::text[]) and (state = 'pending_payment' or user_id = any ($2::text[]) or user_id = any (array(
  select j.user_id from tollkeeper.jobs j where j.id = any ($3::uuid[]) and j.admitted_at is null)))
