-- The lines of charged stages: of whole jobs, and of stages that were charged before and are asked for again.
select job_id, stage, lines from tollkeeper.job_stages s
where state = 'charged' and (job_id = any ($1::uuid[]) or (job_id, stage) in (
  select x.job_id, x.stage from unnest($2::uuid[], $3::text[]) as x(job_id, stage)))
