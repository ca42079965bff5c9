insert into tollkeeper.job_texts (job_id, text) select * from unnest($1::uuid[], $2::text[])
