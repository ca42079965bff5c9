insert into tollkeeper.feature_charges (
  id, organization_id, key, feature, quantity, user_id, tariff_version_id, period_start, line, balance, charged,
  ledger_seq, created_at)
select x.id, x.organization_id, x.key, x.feature, x.quantity, x.user_id, x.tariff_version_id,
  tollkeeper.from_ms(x.period_start), x.line, x.balance, x.charged, x.ledger_seq, tollkeeper.from_ms(x.created_at)
from unnest(
  $1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::uuid[], $8::bigint[], $9::json[],
  $10::json[], $11::bigint[], $12::bigint[], $13::bigint[]
) as x(
  id, organization_id, key, feature, quantity, user_id, tariff_version_id, period_start, line, balance, charged,
  ledger_seq, created_at)
