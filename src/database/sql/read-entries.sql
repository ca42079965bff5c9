-- Entries that were written under keys of this batch before.
select id, organization_id, seq, kind, debit_account, credit_account, amount, currency, available_after, held_after,
  business_key, job_id, stage, component, token_class, reference, reverses_seq, details, tollkeeper.to_ms(created_at)
from tollkeeper.ledger_entries where business_key = any ($1::text[])
