-- What the workers of some stages need: who pays, the text (the output joins results and needs none), the stage's bound,
-- whether nobody has begun it, and what the other stages made. One row for each question, in their order.
select j.organization_id, j.generation, j.steps, case when w.stage <> 'output' then t.text end, b.bound,
  b.state = 'waiting' and b.starts = 0,
  (select json_object_agg(s.stage, s.result) from tollkeeper.job_stages s
    where s.job_id = w.job_id and s.stage <> w.stage and s.result is not null)
from unnest($1::uuid[], $2::text[]) with ordinality as w(job_id, stage, place)
left join tollkeeper.job_stages b on b.job_id = w.job_id and b.stage = w.stage
left join tollkeeper.jobs j on j.id = b.job_id
left join tollkeeper.job_texts t on t.job_id = j.id
order by w.place
