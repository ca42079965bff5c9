import type pg from 'pg'
import { ConfigurationError } from '../foundation/errors.ts'
import { errorCode } from './retry.ts'

/** The login of the running application; where it is missing, one login does everything. */
export const APP_ROLE = 'tollkeeper_app'
/** What the money path works as: the only one who writes ledger entries. */
export const MONEY_ROLE = 'tollkeeper_money'
/** What is read for an organisation is read as this role, which sees the rows of the organisation that is set and no other. */
export const TENANT_ROLE = 'tollkeeper_tenant'
const WORKING_ROLES = [MONEY_ROLE, TENANT_ROLE]

const INSUFFICIENT_PRIVILEGE = '42501'
const UNKNOWN_ROLE = '22023'

/**
 * Each role that the application works as, and each login that has to take it on. Since PostgreSQL 16 a role may be a member
 * of another without being allowed to become it; superusers may become anything.
 */
const STANDING = `
select w.role, r.oid is not null as exists, quote_ident(l.rolname) as login,
  l.rolsuper or (r.oid is not null and pg_has_role(l.oid, r.oid,
    case when current_setting('server_version_num')::int < 160000 then 'MEMBER' else 'SET' end)) as granted,
  current_setting('server_version_num')::int as version
from unnest($1::text[]) as w(role) cross join pg_roles l left join pg_roles r on r.rolname = w.role
where l.rolname = any ($2::text[])`

interface Standing {
  readonly role: string
  readonly exists: boolean
  readonly login: string
  readonly granted: boolean
  readonly version: number
}

/**
 * Makes the roles that the application works as, and lets these logins take them on; again is harmless.
 * @throws ConfigurationError that says what an administrator has to run, where this login may not
 */
export async function ensureRoles(client: pg.ClientBase, logins: readonly string[]): Promise<void> {
  const { rows } = await client.query<Standing>(STANDING, [WORKING_ROLES, logins])
  const wanted = rows.flatMap(({ role, exists, login, granted, version }) => {
    // Where the server can tell the two apart, the login has the rights of a role only while it works as that role.
    const terms = version < 160_000 ? '' : ' with inherit false, set true'
    return [
      ...(exists ? [] : [`create role ${role} nologin`]),
      ...(granted ? [] : [`grant ${role} to ${login}${terms}`]),
    ]
  })
  const commands = [...new Set(wanted)]
  try {
    for (const command of commands) await client.query(command)
  } catch (error) {
    if (errorCode(error) !== INSUFFICIENT_PRIVILEGE) throw error
    const all = commands.map((command) => `${command};`).join(' ')
    throw new ConfigurationError(
      `This login may not make roles; have an administrator run "${all}", then migrate again`,
    )
  }
}

/** The application's login as far as a migration can know it: the one of that name, or else the one that migrates. */
export async function applicationLogin(client: pg.ClientBase): Promise<string> {
  const { rows } = await client.query<{ login: string }>(
    `select coalesce((select rolname from pg_roles where rolname = '${APP_ROLE}'), current_user) as login`,
  )
  return rows[0]?.login ?? APP_ROLE
}

/** Whether a policy of the platform is for this login, or none is needed. */
const ADMITTED = `
select quote_ident(session_user) as login,
  exists (select from pg_roles where rolname = '${APP_ROLE}' and rolname <> session_user) as "hasApp",
  (select rolsuper or rolbypassrls from pg_roles where rolname = session_user)
  or exists (select from pg_policy p, unnest(p.polroles) as admitted
    where p.polrelid = 'tollkeeper.jobs'::regclass and p.polname = 'platform'
      and pg_has_role(session_user, admitted, 'USAGE')) as admitted`

/**
 * Who is not admitted by row-level security sees empty tables, and would take that for the truth.
 * @throws ConfigurationError that says what to run
 */
export async function refuseUnfitLogin(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ login: string; hasApp: boolean; admitted: boolean }>(ADMITTED)
  const { login = '', hasApp = false, admitted = false } = rows[0] ?? {}
  if (!admitted) {
    const remedy = hasApp ? `grant ${APP_ROLE} to ${login}` : 'tollkeeper migrate'
    throw new ConfigurationError(`The login ${login} of DATABASE_URL is admitted to no row; run: ${remedy}`)
  }
  for (const role of WORKING_ROLES) {
    try {
      await client.query(`begin; set local role ${role}`)
    } catch (error) {
      const remedy = errorCode(error) === UNKNOWN_ROLE ? 'tollkeeper migrate' : `grant ${role} to ${login}`
      if (errorCode(error) !== UNKNOWN_ROLE && errorCode(error) !== INSUFFICIENT_PRIVILEGE) throw error
      throw new ConfigurationError(`The login ${login} of DATABASE_URL may not work as ${role}; run: ${remedy}`)
    } finally {
      await client.query('rollback')
    }
  }
}
