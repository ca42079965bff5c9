-- Every stage of the jobs. $2: whether a call may price them again, and so needs their bounds.
select job_id, stage, position, state, case when $2 then bound end, grants, tokens, charged, absorbed, starts, claim_id,
  tollkeeper.to_ms(claimed_until), delivery, tollkeeper.to_ms(check_at), tollkeeper.to_ms(finished_at)
from tollkeeper.job_stages where job_id = any ($1::uuid[])
