-- Members by name, and the users of jobs, whose limits their holds count against. $4: the organisations whose team a call may
-- change, of which whoever waits for a seat and whoever owns it are read, too.
select organization_id, user_id, role, state, operation, charged, needed, missing, tollkeeper.to_ms(added_at),
  spending_limit, committed, tollkeeper.to_ms(committed_period)
from tollkeeper.team_members
where organization_id = any ($1::text[]) and (user_id = any ($2::text[]) or user_id = any (array(
    select j.user_id from tollkeeper.jobs j where j.id = any ($3::uuid[]) and j.user_id is not null)))
  or organization_id = any ($4::text[]) and state = 'pending_payment'
  or organization_id = any ($4::text[]) and role = 'owner' and state = 'active'
