import type { MikroORM } from '@mikro-orm/postgresql'
import pg from 'pg'
import { migrations } from '../../migrations/index.ts'
import { ConfigurationError } from '../foundation/errors.ts'
import { openOrm } from './orm.ts'
import { applicationLogin, ensureRoles, refuseUnfitLogin } from './roles.ts'

/** Serialises migrations of several processes that start at once; any fixed number of our own. */
const MIGRATION_LOCK = 7_301_144_012

/** What the running application may do: everything but change the ledger, the audit log, the schema or the migrations. */
const APPLICATION_RIGHTS = `
do $$
declare
  own regclass;
begin
  if not exists (select 1 from pg_roles where rolname = 'tollkeeper_app') then return; end if;
  grant usage on schema tollkeeper, bullmq to tollkeeper_app;
  -- BullMQ makes a sequence for each queue when it is first used.
  grant create on schema bullmq to tollkeeper_app;
  grant select, insert, update, delete on all tables in schema tollkeeper, bullmq to tollkeeper_app;
  for own in select oid from pg_class
    where relkind = 'S' and relnamespace::regnamespace::text in ('tollkeeper', 'bullmq')
      and pg_get_userbyid(relowner) = current_user
  loop
    execute format('grant usage, select on sequence %s to tollkeeper_app', own);
  end loop;
  grant execute on all functions in schema tollkeeper, bullmq to tollkeeper_app;
  -- Entries are written by the money path alone.
  revoke insert, update, delete, truncate on tollkeeper.ledger_entries from tollkeeper_app;
  revoke update, delete, truncate on tollkeeper.absorbed_usage from tollkeeper_app;
  -- Of an alert no more changes than that it is over, and that somebody was told.
  revoke update, delete, truncate on tollkeeper.balance_alerts from tollkeeper_app;
  grant update (cleared_at, told_at) on tollkeeper.balance_alerts to tollkeeper_app;
  revoke update, delete, truncate on tollkeeper.feature_charges from tollkeeper_app;
  -- Of a key no more changes than when it was used last, and when it ends.
  revoke update, delete, truncate on tollkeeper.api_keys from tollkeeper_app;
  grant update (last_used_at, retires_at, revoked_at) on tollkeeper.api_keys to tollkeeper_app;
  -- What is written here is written by tollkeeper.append_audit, by the owner's rights.
  revoke insert, update, delete, truncate on tollkeeper.audit_log, tollkeeper.audit_head from tollkeeper_app;
  -- What was answered stays as it was, until the sweep removes it.
  revoke update, truncate on tollkeeper.idempotency_keys from tollkeeper_app;
  revoke insert, update, delete, truncate on tollkeeper.secrets, tollkeeper.migrations from tollkeeper_app;
end
$$`

/**
 * What the two roles may do that the application works as. The money path reads everything and writes what it decides, and
 * nothing else; it neither changes nor removes an entry. Tenants read what is theirs, row by row as the policies say, and
 * write nothing: what they submit is written by the application, whose doors have decided for whom.
 */
const WORKING_RIGHTS = `
do $$
begin
  grant usage on schema tollkeeper to tollkeeper_money, tollkeeper_tenant;
  revoke all on all tables in schema tollkeeper from tollkeeper_money, tollkeeper_tenant;
  grant select on all tables in schema tollkeeper to tollkeeper_money;
  grant insert on tollkeeper.ledger_entries, tollkeeper.absorbed_usage, tollkeeper.feature_charges, tollkeeper.holds,
    tollkeeper.usage_counters, tollkeeper.team_members, tollkeeper.billing_periods, tollkeeper.balance_thresholds,
    tollkeeper.balance_alerts, tollkeeper.idempotency_keys to tollkeeper_money;
  grant update on tollkeeper.organizations, tollkeeper.organization_balances, tollkeeper.jobs, tollkeeper.job_stages,
    tollkeeper.holds, tollkeeper.usage_counters, tollkeeper.team_members, tollkeeper.billing_periods to tollkeeper_money;
  grant delete on tollkeeper.balance_thresholds to tollkeeper_money;
  grant update (cleared_at) on tollkeeper.balance_alerts to tollkeeper_money;
  grant select on tollkeeper.organizations, tollkeeper.organization_balances, tollkeeper.ledger_entries, tollkeeper.jobs,
    tollkeeper.job_stages, tollkeeper.job_texts, tollkeeper.holds, tollkeeper.team_members, tollkeeper.usage_counters,
    tollkeeper.billing_periods, tollkeeper.feature_charges, tollkeeper.balance_thresholds, tollkeeper.balance_alerts,
    tollkeeper.tariff_versions, tollkeeper.tariff_components to tollkeeper_tenant;
  -- Whoever may append may say anything there: the doors' and the money path's roles, and no tenant.
  revoke execute on function tollkeeper.append_audit(text) from public;
  grant execute on function tollkeeper.append_audit(text) to tollkeeper_money;
  perform tollkeeper.protect_tables();
end
$$`

/**
 * Brings a database up to date: our own schema, then the queue's, then the rights of
 * the application's roles. One process at a
 * time; again is harmless.
 * @param ownerUrl a role that may create schemas
 * @param migrateQueues brings the schema `bullmq` up to date on the client that it is given
 * @returns the names of our migrations that ran
 */
export async function migrate(
  ownerUrl: string,
  migrateQueues: (client: pg.Client) => Promise<unknown>,
): Promise<readonly string[]> {
  const client = new pg.Client({ connectionString: ownerUrl, application_name: 'tollkeeper migrate' })
  await client.connect()
  let orm: MikroORM | undefined
  try {
    await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK])
    await ensureRoles(client, [await applicationLogin(client)])
    await client.query('create schema if not exists tollkeeper')
    orm = await openOrm(ownerUrl, 'tollkeeper migrate')
    const ran = await orm.migrator.up()
    await migrateQueues(client)
    await client.query(APPLICATION_RIGHTS)
    await client.query(WORKING_RIGHTS)
    return ran.map((migration) => migration.name)
  } finally {
    await orm?.close(true)
    await client.end()
  }
}

/**
 * A given database is migrated on purpose, not by whoever starts first.
 * @throws ConfigurationError that names the command; also for a login that may not do what the application has to
 */
export async function refusePendingMigrations(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, application_name: 'tollkeeper start' })
  await client.connect().catch((error: Error) => {
    throw new ConfigurationError(
      `DATABASE_URL does not answer (${error.message}); start that PostgreSQL or correct the URL`,
    )
  })
  try {
    const pending = await pendingMigrations(client)
    if (pending.length === 0) return await refuseUnfitLogin(client)
    throw new ConfigurationError(`${pending.length} migrations have not run on this database; run: tollkeeper migrate`)
  } finally {
    await client.end()
  }
}

/** Names of the migrations that have not run on this database, which this program was built for. */
export async function pendingMigrations(client: pg.ClientBase | pg.Pool): Promise<readonly string[]> {
  const ran = await appliedMigrations(client)
  return migrations.map(({ name }) => name).filter((name) => !ran.includes(name))
}

/** Names of the migrations that ran; none on a database that was never migrated. */
async function appliedMigrations(client: pg.ClientBase | pg.Pool): Promise<readonly string[]> {
  const { rows: known } = await client.query(`select to_regclass('tollkeeper.migrations') is not null as known`)
  if (!known[0]?.known) return []
  const { rows } = await client.query<{ name: string }>('select name from tollkeeper.migrations')
  return rows.map((row) => row.name)
}
