import { Migration } from '@mikro-orm/migrations'

/**
 * PostgreSQL as the second line of isolation. What is read for an organisation is read as a role to which only that
 * organisation's rows are there; and a row that names an organisation and something of it cannot name something of another.
 *
 * The policy of the platform's own roles comes with the protection, in the same transaction: whoever runs meanwhile sees
 * what it saw.
 */
export class Migration20261124190000_row_level_security extends Migration {
  override name = 'Migration20261124190000_row_level_security'

  override up(): void {
    for (const statement of [...KEYS, ...FUNCTIONS, ...POLICIES, PROTECT]) this.addSql(statement)
  }
}

const NO_ACTION = 'on update no action on delete no action'
const JOB = `foreign key ("organization_id", "job_id") references "tollkeeper"."jobs" ("organization_id", "id") ${NO_ACTION}`
const MEMBER = `foreign key ("organization_id", "user_id") references "tollkeeper"."team_members" ("organization_id", "user_id") ${NO_ACTION}`
const ENTRY = `foreign key ("organization_id", "ledger_seq") references "tollkeeper"."ledger_entries" ("organization_id", "seq") ${NO_ACTION}`

// The index that lists an organisation's jobs becomes unique, which the pair is already: no further index.
const KEYS = [
  'drop index "tollkeeper"."jobs_organization_newest"',
  'alter table "tollkeeper"."jobs" add constraint "jobs_organization_newest" unique ("organization_id", "id")',
  'alter table "tollkeeper"."holds" drop constraint "holds_job_fk"',
  `alter table "tollkeeper"."holds" add constraint "holds_job_fk" ${JOB}`,
  `alter table "tollkeeper"."absorbed_usage" add constraint "absorbed_usage_job_fk" ${JOB}`,
  `alter table "tollkeeper"."jobs" add constraint "jobs_member_fk" ${MEMBER}`,
  `alter table "tollkeeper"."feature_charges" add constraint "feature_charges_member_fk" ${MEMBER}`,
  `alter table "tollkeeper"."feature_charges" add constraint "feature_charges_entry_fk" ${ENTRY}`,
]

const FUNCTIONS = [
  `-- The organisation whose rows this transaction sees; null, and so none, where nobody said.
create or replace function tollkeeper.tenant_organization() returns text
language sql stable parallel safe
return nullif(current_setting('tollkeeper.organization_id', true), '');
`,
  `-- The member whose rows alone this transaction sees; null: the whole organisation's.
create or replace function tollkeeper.tenant_user() returns text
language sql stable parallel safe
return nullif(current_setting('tollkeeper.user_id', true), '');
`,
  `-- Who is admitted by no policy sees no row, of whatever table of ours: also of one that a later migration makes and nobody
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
`,
]

const OWN = 'organization_id = tollkeeper.tenant_organization()'
const WHOLE = 'tollkeeper.tenant_user() is null'
/** A single value, not EXISTS: that the planner could answer by gathering every job of the organisation first. */
const ofJob = (table: string): string => `(select true from tollkeeper.jobs j where j.id = ${table}.job_id)`

/** What tenants may see of each table. What stands here without a member's condition is the organisation's as a whole. */
const SEEN: readonly (readonly [table: string, condition: string])[] = [
  ['organizations', 'id = tollkeeper.tenant_organization()'],
  ['organization_balances', OWN],
  ['usage_counters', OWN],
  ['billing_periods', OWN],
  ['jobs', `${OWN} and (${WHOLE} or user_id = tollkeeper.tenant_user())`],
  ['team_members', `${OWN} and (${WHOLE} or user_id = tollkeeper.tenant_user())`],
  ['feature_charges', `${OWN} and (${WHOLE} or user_id = tollkeeper.tenant_user())`],
  ['job_stages', ofJob('job_stages')],
  ['job_texts', ofJob('job_texts')],
  ['holds', `${OWN} and (${WHOLE} or ${ofJob('holds')})`],
  ['ledger_entries', `${OWN} and (${WHOLE} or ${ofJob('ledger_entries')})`],
  ['balance_thresholds', `${OWN} and ${WHOLE}`],
  ['balance_alerts', `${OWN} and ${WHOLE}`],
  ['tariff_versions', `state <> 'draft'`],
  ['tariff_components', '(select true from tollkeeper.tariff_versions v where v.id = tariff_components.version_id)'],
]

const POLICIES = SEEN.map(
  ([table, condition]) =>
    `create policy "tenant" on "tollkeeper"."${table}" for select to tollkeeper_tenant using (${condition})`,
)

const PROTECT = 'select tollkeeper.protect_tables()'
