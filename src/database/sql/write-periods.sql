-- A period that opens is new; of one that is there only its end, its closing balance, what is owed of it and its payment change.
insert into tollkeeper.billing_periods (
  organization_id, number, period_start, period_end, tariff_version_id, plan_fee, seats, seat_fee, credit, due_at, paid_at,
  opening_seq, opening_available, opening_held, closing_seq, closing_available, closing_held, closed_at)
select x.organization_id, x.number, tollkeeper.from_ms(x.period_start), tollkeeper.from_ms(x.period_end),
  x.tariff_version_id, x.plan_fee, x.seats, x.seat_fee, x.credit, tollkeeper.from_ms(x.due_at),
  tollkeeper.from_ms(x.paid_at), x.opening_seq, x.opening_available, x.opening_held, x.closing_seq, x.closing_available,
  x.closing_held, tollkeeper.from_ms(x.closed_at)
from unnest(
  $1::text[], $2::int[], $3::bigint[], $4::bigint[], $5::uuid[], $6::bigint[], $7::int[], $8::bigint[], $9::bigint[],
  $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[], $17::bigint[],
  $18::bigint[]
) as x(
  organization_id, number, period_start, period_end, tariff_version_id, plan_fee, seats, seat_fee, credit, due_at, paid_at,
  opening_seq, opening_available, opening_held, closing_seq, closing_available, closing_held, closed_at)
on conflict (organization_id, number) do update
set period_end = excluded.period_end, plan_fee = excluded.plan_fee, seat_fee = excluded.seat_fee,
  paid_at = excluded.paid_at, closing_seq = excluded.closing_seq, closing_available = excluded.closing_available, closing_held = excluded.closing_held, closed_at = excluded.closed_at
