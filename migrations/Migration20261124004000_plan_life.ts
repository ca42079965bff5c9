import { Migration } from '@mikro-orm/migrations'

/**
 * The life of a plan: what a published version says gets a hash and is never changed again, not even by the owner; and the
 * moves of a plan's organisations to a new version, with how far they have come. Versions that were published before keep
 * no hash: theirs is computed where it is shown.
 */
export class Migration20261124004000_plan_life extends Migration {
  override name = 'Migration20261124004000_plan_life'

  override up(): void {
    for (const statement of [...VERSIONS, ...MOVES, ...GUARDS]) this.addSql(statement)
  }
}

const VERSIONS = [
  'alter table "tollkeeper"."tariff_versions" add column "content_hash" text null',
  `alter table "tollkeeper"."tariff_versions" add constraint "tariff_versions_hash_form" check (content_hash ~ '^[0-9a-f]{64}$')`,
]

const MOVES = [
  `create table "tollkeeper"."plan_moves" ("id" uuid not null, "plan_id" uuid not null, "to_version_id" uuid not null, "apply_to" text not null, "state" text not null, "total" int not null, "moved" int not null default 0, "skipped" int not null default 0, "cursor" varchar(64) null, "created_at" timestamptz(3) not null, "finished_at" timestamptz(3) null, primary key ("id"))`,
  'create index "plan_moves_of_plan" on "tollkeeper"."plan_moves" ("plan_id", "id")',
  `create unique index "plan_moves_one_running" on "tollkeeper"."plan_moves" ("plan_id") where (state = 'running'::text)`,
  `alter table "tollkeeper"."plan_moves" add constraint "plan_moves_time_known" check (apply_to in ('next_period', 'now'))`,
  `alter table "tollkeeper"."plan_moves" add constraint "plan_moves_state_known" check (state in ('running', 'done', 'cancelled'))`,
  `alter table "tollkeeper"."plan_moves" add constraint "plan_moves_finished" check ((state = 'running') = (finished_at is null))`,
  'alter table "tollkeeper"."plan_moves" add constraint "plan_moves_figures" check (total >= 0 and moved >= 0 and skipped >= 0)',
  'alter table "tollkeeper"."plan_moves" add constraint "plan_moves_plan_fk" foreign key ("plan_id") references "tollkeeper"."tariff_plans" ("id") on update no action on delete no action',
  'alter table "tollkeeper"."plan_moves" add constraint "plan_moves_version_fk" foreign key ("to_version_id") references "tollkeeper"."tariff_versions" ("id") on update no action on delete no action',
  `create table "tollkeeper"."plan_move_problems" ("move_id" uuid not null, "organization_id" varchar(64) not null, "code" text not null, "detail" text not null, primary key ("move_id", "organization_id"))`,
  'alter table "tollkeeper"."plan_move_problems" add constraint "plan_move_problems_move_fk" foreign key ("move_id") references "tollkeeper"."plan_moves" ("id") on update no action on delete no action',
  'alter table "tollkeeper"."plan_move_problems" add constraint "plan_move_problems_organization_fk" foreign key ("organization_id") references "tollkeeper"."organizations" ("id") on update no action on delete no action',
]

const REFUSE = 'execute function tollkeeper.refuse_published_change()'

const GUARDS = [
  `-- What was published is what customers agreed to and jobs pin: it never changes again, whoever asks. Only off the shelf it
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
`,
  `create trigger "tariff_versions_immutable" before update or delete on "tollkeeper"."tariff_versions" for each row
    when (old.state <> 'draft') ${REFUSE}`,
  `create trigger "tariff_components_immutable" before insert or update or delete on "tollkeeper"."tariff_components"
    for each row ${REFUSE}`,
  `create trigger "tariff_plans_immutable" before update on "tollkeeper"."tariff_plans" for each row
    when (new.currency <> old.currency) ${REFUSE}`,
  ...['tariff_versions', 'tariff_components'].map(
    (table) => `create trigger "${table}_never_truncated" before truncate on "tollkeeper"."${table}" for each statement
    ${REFUSE}`,
  ),
]
