-- Keys by the hashes of what was shown, one row for each question, in their order. A key that is unknown, expired, rotated
-- out, revoked or of somebody who is no member any more is the same nothing. The last column: whether to write down that the
-- key is used.
select case when k.user_id is null or (m.state = 'active' and m.operation = k.membership) then k.id end,
  k.role, k.organization_id, k.user_id, encode(k.hash, 'hex'),
  k.last_used_at is null or k.last_used_at < coalesce(tollkeeper.from_ms($2::bigint), now()) - interval '1 minute'
from unnest($1::text[]) with ordinality as w(hash, place)
left join tollkeeper.api_keys k on k.hash = decode(w.hash, 'hex') and k.revoked_at is null
  and coalesce(least(k.expires_at, k.retires_at), 'infinity') > coalesce(tollkeeper.from_ms($2::bigint), now())
left join tollkeeper.team_members m on m.organization_id = k.organization_id and m.user_id = k.user_id
order by w.place
