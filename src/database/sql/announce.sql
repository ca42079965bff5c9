-- Which jobs have changed, as many as a notice can name. A transaction of its own that writes nothing: it waits for no disk.
select pg_notify('tollkeeper_jobs', message) from unnest($1::text[]) as x(message)
