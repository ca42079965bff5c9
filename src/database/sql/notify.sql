-- Delivered with COMMIT: organisations where money became free while somebody waits for it, and jobs whose state changed.
select pg_notify(channel, message) from unnest($1::text[], $2::text[]) as x(channel, message)
