-- The bounds of jobs that are about to be parked: what they then need is priced anew, whatever call ends their last claim.
select job_id, stage, bound from tollkeeper.job_stages where job_id = any ($1::uuid[])
