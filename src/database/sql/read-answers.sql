-- What was answered under idempotency keys of this batch before.
select a.scope, a.key, a.request_hash, a.slip_id, a.status, a.location, a.body, tollkeeper.to_ms(a.created_at),
  tollkeeper.to_ms(a.expires_at)
from unnest($1::text[], $2::text[]) as x(scope, key)
join tollkeeper.idempotency_keys a on a.scope = x.scope and a.key = x.key
