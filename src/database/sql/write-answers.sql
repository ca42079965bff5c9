insert into tollkeeper.idempotency_keys (
  scope, key, request_hash, slip_id, status, location, body, created_at, expires_at)
select x.scope, x.key, x.request_hash, x.slip_id, x.status, x.location, x.body, tollkeeper.from_ms(x.created_at),
  tollkeeper.from_ms(x.expires_at)
from unnest(
  $1::text[], $2::text[], $3::text[], $4::uuid[], $5::int[], $6::text[], $7::text[], $8::bigint[], $9::bigint[]
) as x(scope, key, request_hash, slip_id, status, location, body, created_at, expires_at)
