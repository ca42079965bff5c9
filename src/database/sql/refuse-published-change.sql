-- What was published is what customers agreed to and jobs pin: it never changes again, whoever asks. Only off the shelf it
-- may be taken. Whoever adds a component waits for a publication under way, and then finds its version published.
create or replace function tollkeeper.refuse_published_change() returns trigger
language plpgsql
as $$
declare
  versions uuid[];
  refused boolean := true;
begin
  if tg_op <> 'TRUNCATE' and tg_table_name = 'tariff_components' then
    if tg_op <> 'INSERT' then versions := array[old.version_id]; end if;
    if tg_op <> 'DELETE' then versions := versions || new.version_id; end if;
    select coalesce(bool_or(v.state <> 'draft'), false) into refused from (
      select state from tollkeeper.tariff_versions where id = any (versions) for share) v;
  elsif tg_op = 'UPDATE' and tg_table_name = 'tariff_versions' then
    refused := (to_jsonb(new) - 'state') is distinct from (to_jsonb(old) - 'state')
      or new.state not in (old.state, 'archived');
  elsif tg_op = 'UPDATE' then
    refused := exists (select 1 from tollkeeper.tariff_versions v where v.plan_id = old.id and v.published_at is not null);
  end if;
  if refused then
    raise exception 'a published tariff version is never changed: edit the draft of its plan and publish that'
      using errcode = 'restrict_violation', constraint = 'tariff_versions_immutable';
  end if;
  if tg_op = 'DELETE' then return old; end if;
  return new;
end
$$;
