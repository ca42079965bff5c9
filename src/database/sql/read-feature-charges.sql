-- Charges of features that were made under keys of this batch before.
select c.id, c.organization_id, c.key, c.feature, c.quantity, c.user_id, c.tariff_version_id,
  tollkeeper.to_ms(c.period_start), c.line, c.balance, tollkeeper.to_ms(c.created_at)
from unnest($1::text[], $2::text[]) as x(organization_id, key)
join tollkeeper.feature_charges c on c.organization_id = x.organization_id and c.key = x.key
