-- When keys were used last, to the minute, whatever the number of processes that see them. Who changes a key is not waited for.
update tollkeeper.api_keys k set last_used_at = coalesce(tollkeeper.from_ms($2::bigint), now())
from (
  select id from tollkeeper.api_keys
  where id = any ($1::uuid[]) and (last_used_at is null
    or last_used_at < coalesce(tollkeeper.from_ms($2::bigint), now()) - interval '1 minute')
  for no key update skip locked
) as due
where k.id = due.id
