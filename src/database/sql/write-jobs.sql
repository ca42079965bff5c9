update tollkeeper.jobs j
set state = x.state, stage = x.stage, tariff_version_id = x.tariff_version_id,
  period_start = tollkeeper.from_ms(x.period_start), generation = x.generation, charged = x.charged,
  reversed = x.reversed, released = x.released, written_off = x.written_off, rejection = x.rejection,
  failure = x.failure, parked_at = tollkeeper.from_ms(x.parked_at), expires_at = tollkeeper.from_ms(x.expires_at),
  admitted_at = tollkeeper.from_ms(x.admitted_at), finished_at = tollkeeper.from_ms(x.finished_at)
from unnest(
  $1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::bigint[], $6::int[], $7::bigint[], $8::bigint[], $9::bigint[],
  $10::bigint[], $11::jsonb[], $12::jsonb[], $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[]
) as x(
  id, state, stage, tariff_version_id, period_start, generation, charged, reversed, released,
  written_off, rejection, failure, parked_at, expires_at, admitted_at, finished_at)
where j.id = x.id
