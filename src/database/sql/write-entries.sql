insert into tollkeeper.ledger_entries (
  id, organization_id, seq, kind, debit_account, credit_account, amount, currency, available_after, held_after,
  business_key, job_id, stage, component, token_class, reference, reverses_seq, details, created_at)
select x.id, x.organization_id, x.seq, x.kind, x.debit, x.credit, x.amount, x.currency, x.available_after,
  x.held_after, x.business_key, x.job_id, x.stage, x.component, x.token_class, x.reference, x.reverses_seq,
  x.details, tollkeeper.from_ms(x.created_at)
from unnest(
  $1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[], $9::bigint[],
  $10::bigint[], $11::text[], $12::uuid[], $13::text[], $14::text[], $15::text[], $16::text[], $17::bigint[],
  $18::jsonb[], $19::bigint[]
) as x(
  id, organization_id, seq, kind, debit, credit, amount, currency, available_after, held_after,
  business_key, job_id, stage, component, token_class, reference, reverses_seq, details, created_at)
