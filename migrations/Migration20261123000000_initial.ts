import { Migration } from '@mikro-orm/migrations'

/**
 * The first shape of everything: tables, the functions of the money path, and the ledger's guard. The functions are frozen
 * copies of src/database/sql; a later change of one comes with a migration of its own, and a test compares the newest copy.
 */
export class Migration20261123000000_initial extends Migration {
  override name = 'Migration20261123000000_initial'

  override up(): void {
    this.addSql('create schema if not exists "tollkeeper"')
    for (const statement of [...TABLES, ...FUNCTIONS, ...GUARDS]) this.addSql(statement)
  }
}

const TABLES = [
  `create table "tollkeeper"."tariff_plans" ("id" uuid not null, "currency" varchar(3) not null, "created_at" timestamptz(3) not null default now(), "archived_at" timestamptz(3) null, primary key ("id"))`,
  `create table "tollkeeper"."tariff_versions" ("id" uuid not null, "plan_id" uuid not null, "version" int not null, "state" text not null, "name" text not null, "price_per_month" bigint not null, "max_team_members" int null, "member_price" bigint not null, "charge_on_failure" text not null, "created_at" timestamptz(3) not null default now(), "published_at" timestamptz(3) null, primary key ("id"))`,
  `create unique index "tariff_versions_one_draft" on "tollkeeper"."tariff_versions" ("plan_id") where (state = 'draft'::text)`,
  `alter table "tollkeeper"."tariff_versions" add constraint "tariff_versions_number_unique" unique ("plan_id", "version")`,
  `alter table "tollkeeper"."tariff_versions" add constraint "tariff_versions_state_known" check (state in ('draft', 'published', 'archived'))`,
  `alter table "tollkeeper"."tariff_versions" add constraint "tariff_versions_prices_not_negative" check (price_per_month >= 0 and member_price >= 0)`,
  `alter table "tollkeeper"."tariff_versions" add constraint "tariff_versions_members_not_negative" check (max_team_members >= 0)`,
  `alter table "tollkeeper"."tariff_versions" add constraint "tariff_versions_failure_known" check (charge_on_failure in ('none', 'finished_stages'))`,
  `create table "tollkeeper"."tariff_components" ("id" uuid not null, "version_id" uuid not null, "position" int not null, "key" varchar(64) not null, "kind" text not null, "model" text not null, "price" bigint null, "per" bigint not null, "included" bigint not null, "tiers" jsonb null, "llm_model" text null, "token_class" text null, "agent" text null, "feature" text null, primary key ("id"))`,
  `alter table "tollkeeper"."tariff_components" add constraint "tariff_components_key_unique" unique ("version_id", "key")`,
  `alter table "tollkeeper"."tariff_components" add constraint "tariff_components_kind_known" check (kind in ('input_tokens', 'llm_tokens', 'output_tokens', 'agent', 'feature'))`,
  `alter table "tollkeeper"."tariff_components" add constraint "tariff_components_model_known" check (model in ('per_unit', 'graduated', 'volume', 'package', 'flat'))`,
  `alter table "tollkeeper"."tariff_components" add constraint "tariff_components_price_or_tiers" check ((price is null) <> (tiers is null))`,
  `alter table "tollkeeper"."tariff_components" add constraint "tariff_components_figures" check (price >= 0 and per > 0 and included >= 0)`,
  `create table "tollkeeper"."organizations" ("id" varchar(64) not null, "name" text not null, "currency" varchar(3) not null, "tariff_version_id" uuid null, "status" text not null default 'active', "period_anchor" timestamptz(3) not null, "period_start" timestamptz(3) not null, "period_end" timestamptz(3) not null, "created_at" timestamptz(3) not null default now(), primary key ("id"))`,
  `alter table "tollkeeper"."organizations" add constraint "organizations_status_known" check (status in ('active', 'past_due', 'suspended', 'frozen'))`,
  `alter table "tollkeeper"."organizations" add constraint "organizations_period_forward" check (period_end > period_start)`,
  `create table "tollkeeper"."organization_balances" ("organization_id" varchar(64) not null, "available" bigint not null default 0, "held" bigint not null default 0, "overdraft_limit" bigint not null default 0, "overdraft_limit_peak" bigint not null default 0, "seq" bigint not null default 0, "seats_used" int not null default 0, "seats_paid" int not null default 0, "checked_seq" bigint not null default 0, primary key ("organization_id"))`,
  `alter table "tollkeeper"."organization_balances" add constraint "organization_balances_never_below_limit" check (available >= - overdraft_limit)`,
  `alter table "tollkeeper"."organization_balances" add constraint "organization_balances_held_not_negative" check (held >= 0)`,
  `alter table "tollkeeper"."organization_balances" add constraint "organization_balances_limit_not_negative" check (overdraft_limit >= 0)`,
  `alter table "tollkeeper"."organization_balances" add constraint "organization_balances_seats_not_negative" check (seats_used >= 0 and seats_paid >= 0)`,
  `create table "tollkeeper"."ledger_entries" ("id" uuid not null, "organization_id" varchar(64) not null, "seq" bigint not null, "kind" text not null, "debit_account" text not null, "credit_account" text not null, "amount" bigint not null, "currency" varchar(3) not null, "available_after" bigint not null, "held_after" bigint not null, "business_key" text not null, "job_id" uuid null, "stage" text null, "component" text null, "token_class" text null, "reference" text null, "reverses_seq" bigint null, "details" jsonb null, "created_at" timestamptz(3) not null, primary key ("id"))`,
  `alter table "tollkeeper"."ledger_entries" add constraint "ledger_entries_business_key_unique" unique ("business_key")`,
  `create index "ledger_entries_of_job" on "tollkeeper"."ledger_entries" ("job_id") where (job_id is not null)`,
  `alter table "tollkeeper"."ledger_entries" add constraint "ledger_entries_seq_unique" unique ("organization_id", "seq")`,
  `alter table "tollkeeper"."ledger_entries" add constraint "ledger_entries_amount_positive" check (amount > 0)`,
  `alter table "tollkeeper"."ledger_entries" add constraint "ledger_entries_two_accounts" check (debit_account <> credit_account)`,
  `alter table "tollkeeper"."ledger_entries" add constraint "ledger_entries_held_not_negative" check (held_after >= 0)`,
  `alter table "tollkeeper"."ledger_entries" add constraint "ledger_entries_kind_known" check (kind in ('top_up', 'hold', 'extend', 'charge', 'release', 'reversal', 'plan_fee', 'seat_fee', 'feature', 'write_off', 'adjustment'))`,
  `create table "tollkeeper"."jobs" ("id" uuid not null, "organization_id" varchar(64) not null, "user_id" varchar(64) null, "external_id" text null, "submit_key" text null, "submit_hash" text null, "runner" text not null, "state" text not null, "stage" text null, "steps" jsonb not null, "max_cost" bigint null, "tariff_version_id" uuid null, "period_start" timestamptz(3) null, "generation" int not null default 0, "charged" bigint not null default 0, "reversed" bigint not null default 0, "released" bigint not null default 0, "written_off" bigint not null default 0, "rejection" jsonb null, "failure" jsonb null, "parked_at" timestamptz(3) null, "expires_at" timestamptz(3) null, "created_at" timestamptz(3) not null default now(), "admitted_at" timestamptz(3) null, "finished_at" timestamptz(3) null, primary key ("id"))`,
  `create index "jobs_organization_newest" on "tollkeeper"."jobs" ("organization_id", "id")`,
  `create index "jobs_parked" on "tollkeeper"."jobs" ("organization_id", "parked_at", "id") where (state = 'rejected_for_balance'::text)`,
  `create index "jobs_unfinished" on "tollkeeper"."jobs" ("created_at") where (state = any (array['queued'::text, 'processing'::text]))`,
  `alter table "tollkeeper"."jobs" add constraint "jobs_submit_key_unique" unique ("organization_id", "submit_key")`,
  `alter table "tollkeeper"."jobs" add constraint "jobs_state_known" check (state in ('queued', 'processing', 'charged', 'rejected_for_balance', 'failed', 'cancelled'))`,
  `alter table "tollkeeper"."jobs" add constraint "jobs_runner_known" check (runner in ('pipeline', 'own'))`,
  `alter table "tollkeeper"."jobs" add constraint "jobs_parked_has_reason" check ((state = 'rejected_for_balance') = (parked_at is not null))`,
  `alter table "tollkeeper"."jobs" add constraint "jobs_failed_has_reason" check ((state = 'failed') = (failure is not null))`,
  `alter table "tollkeeper"."jobs" add constraint "jobs_amounts_not_negative" check (charged >= 0 and reversed >= 0 and released >= 0 and written_off >= 0 and reversed <= charged)`,
  `create table "tollkeeper"."job_texts" ("job_id" uuid not null, "text" text not null, primary key ("job_id"))`,
  `create table "tollkeeper"."job_stages" ("job_id" uuid not null, "stage" varchar(64) not null, "position" int not null, "state" text not null, "bound" jsonb null, "grants" jsonb null, "usage" jsonb null, "lines" jsonb null, "result" text null, "tokens" bigint not null default 0, "charged" bigint not null default 0, "absorbed" int not null default 0, "starts" int not null default 0, "claim_id" uuid null, "claimed_until" timestamptz(3) null, "delivery" int not null default 0, "check_at" timestamptz(3) null, "finished_at" timestamptz(3) null, primary key ("job_id", "stage"))`,
  `create index "job_stages_due" on "tollkeeper"."job_stages" ("check_at") where (check_at is not null)`,
  `alter table "tollkeeper"."job_stages" add constraint "job_stages_state_known" check (state in ('waiting', 'running', 'charged', 'reversed'))`,
  `alter table "tollkeeper"."job_stages" add constraint "job_stages_figures" check (tokens >= 0 and charged >= 0 and starts >= 0 and delivery >= 0)`,
  `create table "tollkeeper"."holds" ("job_id" uuid not null, "generation" int not null, "organization_id" varchar(64) not null, "amount" bigint not null, "remaining" bigint not null, "state" text not null, "opened_at" timestamptz(3) not null, "closed_at" timestamptz(3) null, primary key ("job_id", "generation"))`,
  `create unique index "holds_one_open" on "tollkeeper"."holds" ("job_id") where (state = 'open'::text)`,
  `create index "holds_open_of_organization" on "tollkeeper"."holds" ("organization_id") where (state = 'open'::text)`,
  `alter table "tollkeeper"."holds" add constraint "holds_state_known" check (state in ('open', 'closed'))`,
  `alter table "tollkeeper"."holds" add constraint "holds_figures" check (amount >= 0 and remaining >= 0 and remaining <= amount)`,
  `alter table "tollkeeper"."holds" add constraint "holds_closed_is_empty" check (state = 'open' or remaining = 0)`,
  `create table "tollkeeper"."team_members" ("organization_id" varchar(64) not null, "user_id" varchar(64) not null, "role" text not null, "state" text not null, "operation" uuid not null, "charged" bigint not null default 0, "needed" bigint null, "missing" bigint null, "added_at" timestamptz(3) not null, primary key ("organization_id", "user_id"))`,
  `create index "team_members_pending" on "tollkeeper"."team_members" ("organization_id", "added_at") where (state = 'pending_payment'::text)`,
  `alter table "tollkeeper"."team_members" add constraint "team_members_role_known" check (role in ('member', 'admin', 'owner'))`,
  `alter table "tollkeeper"."team_members" add constraint "team_members_state_known" check (state in ('active', 'pending_payment', 'removed'))`,
  `create table "tollkeeper"."usage_counters" ("organization_id" varchar(64) not null, "plan_id" uuid not null, "component" varchar(64) not null, "period_start" timestamptz(3) not null, "used" bigint not null default 0, "included_used" bigint not null default 0, "reserved" bigint not null default 0, primary key ("organization_id", "plan_id", "component", "period_start"))`,
  `alter table "tollkeeper"."usage_counters" add constraint "usage_counters_not_negative" check (used >= 0 and included_used >= 0 and reserved >= 0)`,
  `alter table "tollkeeper"."tariff_versions" add constraint "tariff_versions_plan_fk" foreign key ("plan_id") references "tollkeeper"."tariff_plans" ("id") on update no action on delete no action`,
  `alter table "tollkeeper"."tariff_components" add constraint "tariff_components_version_fk" foreign key ("version_id") references "tollkeeper"."tariff_versions" ("id") on update no action on delete no action`,
  `alter table "tollkeeper"."organizations" add constraint "organizations_tariff_version_fk" foreign key ("tariff_version_id") references "tollkeeper"."tariff_versions" ("id") on update no action on delete no action`,
  `alter table "tollkeeper"."organization_balances" add constraint "organization_balances_organization_fk" foreign key ("organization_id") references "tollkeeper"."organizations" ("id") on update no action on delete no action`,
  `alter table "tollkeeper"."ledger_entries" add constraint "ledger_entries_organization_fk" foreign key ("organization_id") references "tollkeeper"."organizations" ("id") on update no action on delete no action`,
  `alter table "tollkeeper"."jobs" add constraint "jobs_organization_fk" foreign key ("organization_id") references "tollkeeper"."organizations" ("id") on update no action on delete no action`,
  `alter table "tollkeeper"."jobs" add constraint "jobs_tariff_version_fk" foreign key ("tariff_version_id") references "tollkeeper"."tariff_versions" ("id") on update no action on delete no action`,
  `alter table "tollkeeper"."job_texts" add constraint "job_texts_job_fk" foreign key ("job_id") references "tollkeeper"."jobs" ("id") on update no action on delete no action`,
  `alter table "tollkeeper"."job_stages" add constraint "job_stages_job_fk" foreign key ("job_id") references "tollkeeper"."jobs" ("id") on update no action on delete no action`,
  `alter table "tollkeeper"."holds" add constraint "holds_job_fk" foreign key ("job_id") references "tollkeeper"."jobs" ("id") on update no action on delete no action`,
  `alter table "tollkeeper"."holds" add constraint "holds_organization_fk" foreign key ("organization_id") references "tollkeeper"."organizations" ("id") on update no action on delete no action`,
  `alter table "tollkeeper"."team_members" add constraint "team_members_organization_fk" foreign key ("organization_id") references "tollkeeper"."organizations" ("id") on update no action on delete no action`,
  `alter table "tollkeeper"."usage_counters" add constraint "usage_counters_organization_fk" foreign key ("organization_id") references "tollkeeper"."organizations" ("id") on update no action on delete no action`,
  `alter table "tollkeeper"."usage_counters" add constraint "usage_counters_plan_fk" foreign key ("plan_id") references "tollkeeper"."tariff_plans" ("id") on update no action on delete no action`,
  // Hot rows are updated in place many times a second: room on their pages keeps the updates off the indexes.
  `alter table "tollkeeper"."organization_balances" set (fillfactor = 50)`,
  `alter table "tollkeeper"."usage_counters" set (fillfactor = 50)`,
  `alter table "tollkeeper"."job_stages" set (fillfactor = 70)`,
  `alter table "tollkeeper"."jobs" set (fillfactor = 70)`,
  `alter table "tollkeeper"."holds" set (fillfactor = 70)`,
]

const FUNCTIONS = [
  `-- Times travel as epoch milliseconds: exact as a number in JSON, unlike a formatted string not to be parsed wrongly.
-- In double precision, which is exact far beyond milliseconds and ten times faster than numeric.
create or replace function tollkeeper.to_ms(at timestamptz) returns bigint
language sql stable parallel safe
return (date_part('epoch', at) * 1000)::bigint;
`,
  `-- The way back from epoch milliseconds, exact to the millisecond.
create or replace function tollkeeper.from_ms(ms bigint) returns timestamptz
language sql stable parallel safe
return to_timestamp(ms::double precision / 1000);
`,
  `-- Locks the organisations of one batch, in id order, and returns every row that its calls name.
-- A function of several statements: under READ COMMITTED each sees a fresh snapshot, so what is read after the lock is
-- what the previous holder of the lock committed. The order of locking is the same everywhere, so batches never deadlock.
-- Facts travel as json, not jsonb: they are only built and sent, and building text is three times faster. Lines, the bulk
-- of a stage, are sent only where a call may answer (settled) or reverse (whole) them.
create or replace function tollkeeper.lock_batch(named jsonb) returns json
language plpgsql
set search_path = tollkeeper, pg_temp
-- A plan made while the tables were small would hash the whole of a large one later; every look-up here is by key. The
-- conditions below avoid the words of our partial indexes (state = 'open', 'queued'): those would be scanned whole.
set enable_hashjoin = off
set enable_mergejoin = off
set enable_seqscan = off
set jit = off
as $$
declare
  organization_ids text[] := array(select jsonb_array_elements_text(named -> 'organizations') order by 1);
  job_ids uuid[] := array(select jsonb_array_elements_text(named -> 'jobs')::uuid);
  whole_ids uuid[] := array(select jsonb_array_elements_text(named -> 'whole')::uuid);
  settled jsonb := named -> 'settled';
  user_ids text[] := array(select jsonb_array_elements_text(named -> 'members'));
  keys text[] := array(select jsonb_array_elements_text(named -> 'keys'));
  waking text[] := array(select w ->> 'organization' from jsonb_array_elements(named -> 'wakes') w);
  period_starts timestamptz[];
  facts json;
begin
  perform 1 from organization_balances where organization_id = any (organization_ids)
    order by organization_id for update;

  if cardinality(waking) > 0 then
    job_ids := job_ids || array(
      select parked.id
      from jsonb_to_recordset(named -> 'wakes') as w(organization text, job uuid, parked_at bigint, id uuid, take int)
      cross join lateral (
        select j.id from jobs j
        where j.organization_id = w.organization and j.state = 'rejected_for_balance'
          and (w.job is null or j.id = w.job)
          and (w.parked_at is null or (j.parked_at, j.id) > (tollkeeper.from_ms(w.parked_at), w.id))
        order by j.parked_at, j.id
        limit w.take
      ) parked);
  end if;

  period_starts := array(
    select o.period_start from organizations o where o.id = any (organization_ids)
    union
    select j.period_start from jobs j where j.id = any (job_ids) and j.period_start is not null);
  user_ids := user_ids || array(
    select j.user_id from jobs j where j.id = any (job_ids) and j.admitted_at is null and j.user_id is not null);

  -- Columns, not rows: an array is turned into json at one go, a row would look each of its types up again.
  select json_build_object(
    'now', tollkeeper.to_ms(clock_timestamp()),
    'organizations', (
      select json_build_object(
        'id', array_agg(o.id), 'currency', array_agg(o.currency), 'status', array_agg(o.status),
        'tariffVersionId', array_agg(o.tariff_version_id), 'periodAnchor', array_agg(tollkeeper.to_ms(o.period_anchor)),
        'periodStart', array_agg(tollkeeper.to_ms(o.period_start)), 'periodEnd', array_agg(tollkeeper.to_ms(o.period_end)),
        'available', array_agg(b.available::text), 'held', array_agg(b.held::text),
        'overdraftLimit', array_agg(b.overdraft_limit::text), 'seq', array_agg(b.seq),
        'seatsUsed', array_agg(b.seats_used), 'seatsPaid', array_agg(b.seats_paid),
        'waiting', array_agg(
          exists (select 1 from jobs j where j.organization_id = o.id and j.state = 'rejected_for_balance')
          or exists (select 1 from team_members m where m.organization_id = o.id and m.state = 'pending_payment')),
        'parked', array_agg(case when o.id = any (waking) then (
          select count(*) from jobs j where j.organization_id = o.id and j.state = 'rejected_for_balance') end))
      from organizations o join organization_balances b on b.organization_id = o.id
      where o.id = any (organization_ids)),
    'jobs', (
      select json_build_object(
        'id', array_agg(j.id), 'organizationId', array_agg(j.organization_id), 'userId', array_agg(j.user_id),
        'runner', array_agg(j.runner), 'steps', array_agg(j.steps), 'maxCost', array_agg(j.max_cost::text), 'state', array_agg(j.state),
        'stage', array_agg(j.stage), 'tariffVersionId', array_agg(j.tariff_version_id),
        'periodStart', array_agg(tollkeeper.to_ms(j.period_start)), 'generation', array_agg(j.generation),
        'charged', array_agg(j.charged::text), 'reversed', array_agg(j.reversed::text),
        'released', array_agg(j.released::text), 'writtenOff', array_agg(j.written_off::text),
        'rejection', array_agg(j.rejection), 'failure', array_agg(j.failure),
        'parkedAt', array_agg(tollkeeper.to_ms(j.parked_at)), 'expiresAt', array_agg(tollkeeper.to_ms(j.expires_at)),
        'admittedAt', array_agg(tollkeeper.to_ms(j.admitted_at)),
        'finishedAt', array_agg(tollkeeper.to_ms(j.finished_at)))
      from jobs j where j.id = any (job_ids) and j.organization_id = any (organization_ids)),
    'stages', (
      select json_build_object(
        'jobId', array_agg(s.job_id), 'stage', array_agg(s.stage), 'position', array_agg(s.position),
        'state', array_agg(s.state), 'bound', array_agg(s.bound), 'grants', array_agg(s.grants),
        'lines', array_agg(
          case when s.state = 'charged' then
            case when s.job_id = any (whole_ids) or settled ? (s.job_id || ' ' || s.stage) then s.lines end end),
        'tokens', array_agg(s.tokens), 'charged', array_agg(s.charged::text), 'absorbed', array_agg(s.absorbed),
        'starts', array_agg(s.starts), 'claimId', array_agg(s.claim_id),
        'claimedUntil', array_agg(tollkeeper.to_ms(s.claimed_until)), 'delivery', array_agg(s.delivery),
        'checkAt', array_agg(tollkeeper.to_ms(s.check_at)), 'finishedAt', array_agg(tollkeeper.to_ms(s.finished_at)))
      from job_stages s where s.job_id = any (job_ids)),
    'holds', (
      select json_build_object(
        'jobId', array_agg(h.job_id), 'organizationId', array_agg(h.organization_id),
        'generation', array_agg(h.generation), 'amount', array_agg(h.amount::text),
        'remaining', array_agg(h.remaining::text), 'state', array_agg(h.state),
        'openedAt', array_agg(tollkeeper.to_ms(h.opened_at)), 'closedAt', array_agg(tollkeeper.to_ms(h.closed_at)))
      from holds h where h.job_id = any (job_ids) and h.state <> 'closed'),
    'counters', (
      select json_build_object(
        'organizationId', array_agg(c.organization_id), 'planId', array_agg(c.plan_id),
        'component', array_agg(c.component), 'periodStart', array_agg(tollkeeper.to_ms(c.period_start)),
        'used', array_agg(c.used), 'includedUsed', array_agg(c.included_used), 'reserved', array_agg(c.reserved))
      from usage_counters c
      where c.organization_id = any (organization_ids) and c.period_start = any (period_starts)),
    'members', (
      select json_build_object(
        'organizationId', array_agg(m.organization_id), 'userId', array_agg(m.user_id), 'role', array_agg(m.role),
        'state', array_agg(m.state), 'operation', array_agg(m.operation), 'charged', array_agg(m.charged::text),
        'needed', array_agg(m.needed::text), 'missing', array_agg(m.missing::text),
        'addedAt', array_agg(tollkeeper.to_ms(m.added_at)))
      from team_members m
      where m.organization_id = any (organization_ids)
        and (m.user_id = any (user_ids)
          or (m.state = 'pending_payment'
            and (m.organization_id = any (waking) or jsonb_array_length(named -> 'members') > 0)))),
    'entries', (
      select json_build_object(
        'id', array_agg(e.id), 'organizationId', array_agg(e.organization_id), 'seq', array_agg(e.seq),
        'kind', array_agg(e.kind), 'debit', array_agg(e.debit_account), 'credit', array_agg(e.credit_account),
        'amount', array_agg(e.amount::text), 'currency', array_agg(e.currency),
        'availableAfter', array_agg(e.available_after::text), 'heldAfter', array_agg(e.held_after::text),
        'businessKey', array_agg(e.business_key), 'jobId', array_agg(e.job_id), 'stage', array_agg(e.stage),
        'component', array_agg(e.component), 'tokenClass', array_agg(e.token_class),
        'reference', array_agg(e.reference), 'reversesSeq', array_agg(e.reverses_seq),
        'details', array_agg(e.details), 'createdAt', array_agg(tollkeeper.to_ms(e.created_at)))
      from ledger_entries e where e.business_key = any (keys))
  ) into facts;
  return facts;
end
$$;
`,
  `-- The ledger is written once: corrections are new entries. The trigger refuses even the owner.
create or replace function tollkeeper.refuse_change() returns trigger
language plpgsql
as $$
begin
  raise exception 'ledger entries are never changed: write a reversal or an adjustment instead'
    using errcode = 'restrict_violation', constraint = 'ledger_entries_append_only';
end
$$;
`,
]

const GUARDS = [
  `create trigger "ledger_entries_append_only" before update or delete on "tollkeeper"."ledger_entries" for each row execute function tollkeeper.refuse_change()`,
  `create trigger "ledger_entries_never_truncated" before truncate on "tollkeeper"."ledger_entries" for each statement execute function tollkeeper.refuse_change()`,
]
