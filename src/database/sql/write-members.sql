insert into tollkeeper.team_members (
  organization_id, user_id, role, state, operation, charged, needed, missing, added_at, spending_limit, committed,
  committed_period)
select x.organization_id, x.user_id, x.role, x.state, x.operation, x.charged, x.needed, x.missing,
  tollkeeper.from_ms(x.added_at), x.spending_limit, x.committed, tollkeeper.from_ms(x.committed_period)
from unnest(
  $1::text[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[],
  $10::bigint[], $11::bigint[], $12::bigint[]
) as x(
  organization_id, user_id, role, state, operation, charged, needed, missing, added_at, spending_limit, committed,
  committed_period)
on conflict (organization_id, user_id) do update
set role = excluded.role, state = excluded.state, operation = excluded.operation, charged = excluded.charged,
  needed = excluded.needed, missing = excluded.missing, added_at = excluded.added_at,
  spending_limit = excluded.spending_limit, committed = excluded.committed, committed_period = excluded.committed_period
