-- Entries of one kind, accounts and moment, which many charges of a batch are: what they share is sent once, and what
-- entries of jobs never have is not sent at all.
insert into tollkeeper.ledger_entries (
  id, organization_id, seq, kind, debit_account, credit_account, amount, currency, available_after, held_after,
  business_key, job_id, stage, component, token_class, created_at)
select x.id, x.organization_id, x.seq, $1::text, $2::text, $3::text, x.amount, $4::text, x.available_after,
  x.held_after, x.business_key, x.job_id, x.stage, x.component, x.token_class, tollkeeper.from_ms($5::bigint)
from unnest(
  $6::uuid[], $7::text[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::text[], $13::uuid[],
  $14::text[], $15::text[], $16::text[]
) as x(
  id, organization_id, seq, amount, available_after, held_after, business_key, job_id, stage, component, token_class)
