import { Migration } from '@mikro-orm/migrations'

/**
 * What the money path writes for each charge becomes smaller. A stage's lines are stored as figures in a fixed order, as
 * json. A ledger entry is found by its organisation and number, which need to be unique anyway, and by its business key; its
 * id is only shown. Entries and holds are written under their organisation's lock alone, so that it exists is known.
 *
 * A balance bears the stamp of the last change of anything that its organisation's money is decided by, so that a process
 * can tell whether the rows that it wrote last are still the present ones.
 */
export class Migration20261123120000_lean_money_path extends Migration {
  override name = 'Migration20261123120000_lean_money_path'

  override up(): void {
    for (const statement of [...STAGES, ...LEDGER, ...HOLDS, ...PARKED, ...FUNCTIONS, ...STAMPS]) this.addSql(statement)
  }
}

const STAGES = [
  'alter table "tollkeeper"."job_stages" rename column "lines" to "named_lines"',
  'alter table "tollkeeper"."job_stages" add column "lines" json null',
  `update "tollkeeper"."job_stages" set "lines" = (
    select coalesce(json_agg(json_build_array(
      l -> 'component', l -> 'kind', l -> 'model', l -> 'llmModel', l -> 'tokenClass', l -> 'quantity', l -> 'source',
      l -> 'includedUsed', l -> 'billedQuantity', l -> 'price', l -> 'per',
      case when jsonb_typeof(l -> 'tiers') = 'array' then (
        select json_agg(json_build_array(t -> 'upTo', t -> 'price') order by place)
        from jsonb_array_elements(l -> 'tiers') with ordinality as tiers(t, place)) end,
      l -> 'counterBefore', l -> 'counterAfter', l -> 'billedBefore', l -> 'amount', l -> 'writtenOff', l -> 'ledgerSeq'
    ) order by place), '[]')
    from jsonb_array_elements(named_lines) with ordinality as lines(l, place)
  ) where named_lines is not null`,
  'alter table "tollkeeper"."job_stages" drop column "named_lines"',
  'alter table "tollkeeper"."job_stages" alter column "usage" type json using "usage"::json',
]

const LEDGER = [
  'alter table "tollkeeper"."ledger_entries" drop constraint "ledger_entries_organization_fk"',
  'alter table "tollkeeper"."ledger_entries" drop constraint "ledger_entries_pkey"',
  'alter table "tollkeeper"."ledger_entries" drop constraint "ledger_entries_seq_unique"',
  'alter table "tollkeeper"."ledger_entries" add constraint "ledger_entries_pkey" primary key ("organization_id", "seq")',
]

// A hold is written again with each stage of its job: room on its page keeps that off the indexes.
const HOLDS = [
  'alter table "tollkeeper"."holds" set (fillfactor = 50)',
  'alter table "tollkeeper"."holds" drop constraint "holds_organization_fk"',
]

// A wake passes over what cannot fit without visiting its row.
const PARKED = [
  'drop index "tollkeeper"."jobs_parked"',
  `create index "jobs_parked" on "tollkeeper"."jobs" ("organization_id", "parked_at", "id", (coalesce((rejection ->> 'atLeast')::bigint, 0))) where (state = 'rejected_for_balance'::text)`,
]

const FUNCTIONS = [
  'drop function "tollkeeper"."lock_batch"(jsonb)',
  `-- Ends a transaction that was decided on rows which have changed since: it has to be decided again.
create or replace function tollkeeper.refuse_outdated(changed text[], late boolean) returns void
language plpgsql
as $$
begin
  if cardinality(changed) > 0 or late then
    raise exception 'these rows have changed since they were read'
      using errcode = 'TK001', detail = array_to_json(changed)::text;
  end if;
end
$$;
`,
  `-- A balance that is changed without a new stamp gets one, so that nobody takes remembered figures for the present ones.
create or replace function tollkeeper.restamp() returns trigger
language plpgsql
as $$
begin
  new.stamp := gen_random_uuid();
  return new;
end
$$;
`,
  `-- Status, tariff and period decide about money as the balance does.
create or replace function tollkeeper.restamp_organization() returns trigger
language plpgsql
as $$
begin
  update tollkeeper.organization_balances set stamp = gen_random_uuid() where organization_id = new.id;
  return null;
end
$$;
`,
  `-- Whoever repairs rows of the money path by hand cannot be expected to know about stamps: every organisation gets a new one.
create or replace function tollkeeper.restamp_all() returns trigger
language plpgsql
as $$
begin
  perform 1 from tollkeeper.organization_balances order by organization_id for update;
  update tollkeeper.organization_balances set stamp = gen_random_uuid();
  return null;
end
$$;
`,
]

// The money path sets its stamps itself, and its connections say that they are its own.
const BY_OTHERS = `current_setting('tollkeeper.money_path', true) is distinct from 'on'`
const FIGURES = ['available', 'held', 'overdraft_limit', 'seq', 'seats_used', 'seats_paid']
const figuresOf = (row: string): string => FIGURES.map((column) => `${row}.${column}`).join(', ')
const onChange = (table: string, change: string): string =>
  `create trigger "${table}_restamp" after ${change} on "tollkeeper"."${table}" for each statement
    when (${BY_OTHERS}) execute function tollkeeper.restamp_all()`

const STAMPS = [
  'alter table "tollkeeper"."organization_balances" add column "stamp" uuid not null default gen_random_uuid()',
  `create trigger "organization_balances_restamp" before update on "tollkeeper"."organization_balances" for each row
    when (new.stamp = old.stamp and (${figuresOf('new')}) is distinct from (${figuresOf('old')}))
    execute function tollkeeper.restamp()`,
  `create trigger "organizations_restamp" after update on "tollkeeper"."organizations" for each row
    when (${BY_OTHERS}) execute function tollkeeper.restamp_organization()`,
  onChange('jobs', 'update or delete'),
  // Not when the sweep pushes its own alarm ahead.
  onChange(
    'job_stages',
    'delete or update of state, grants, lines, tokens, charged, absorbed, starts, claim_id, claimed_until, delivery',
  ),
  onChange('holds', 'insert or update or delete'),
  onChange('usage_counters', 'insert or update or delete'),
  onChange('team_members', 'insert or update or delete'),
]
