-- Entries that were written under keys of this batch before: keys of jobs, and keys that name no job.
select e.id, e.organization_id, e.seq, e.kind, e.debit_account, e.credit_account, e.amount, e.currency,
  e.available_after, e.held_after, e.business_key, e.job_id, e.stage, e.component, e.token_class, e.reference,
  e.reverses_seq, e.details, tollkeeper.to_ms(e.created_at)
from unnest($1::uuid[], $2::text[]) as x(job_id, business_key)
join tollkeeper.ledger_entries e on e.job_id = x.job_id and e.business_key = x.business_key
union all
select id, organization_id, seq, kind, debit_account, credit_account, amount, currency, available_after, held_after,
  business_key, job_id, stage, component, token_class, reference, reverses_seq, details, tollkeeper.to_ms(created_at)
from tollkeeper.ledger_entries where job_id is null and business_key = any ($3::text[])
