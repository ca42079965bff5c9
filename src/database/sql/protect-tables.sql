-- Who is admitted by no policy sees no row, of whatever table of ours: also of one that a later migration makes and nobody
-- thought of. The roles of the platform are admitted to everything; a condition that is always true costs their plans nothing.
create or replace function tollkeeper.protect_tables() returns void
language plpgsql
as $$
declare
  platform oid[];
  names text;
  own record;
begin
  select array_agg(r.oid order by r.oid), string_agg(quote_ident(r.rolname), ', ') into platform, names
  from pg_roles r where r.rolname in (current_user, 'tollkeeper_app', 'tollkeeper_money');
  for own in
    select quote_ident(c.relname) as name, c.relrowsecurity and c.relforcerowsecurity as protected,
      array(select unnest(p.polroles) order by 1) as admitted
    from pg_class c left join pg_policy p on p.polrelid = c.oid and p.polname = 'platform'
    where c.relnamespace = 'tollkeeper'::regnamespace and c.relkind in ('r', 'p') and c.relname <> 'migrations'
  loop
    if own.admitted = '{}' then
      execute format('create policy platform on tollkeeper.%s to %s using (true) with check (true)', own.name, names);
    elsif own.admitted <> platform then
      execute format('alter policy platform on tollkeeper.%s to %s', own.name, names);
    end if;
    if not own.protected then
      execute format('alter table tollkeeper.%s enable row level security, force row level security', own.name);
    end if;
  end loop;
end
$$;
