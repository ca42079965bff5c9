-- Delivered with COMMIT: organisations where money became free while somebody waits for it.
select pg_notify('tollkeeper_wake', message) from unnest($1::text[]) as x(message)
