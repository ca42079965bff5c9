import type { Client } from 'pg'
import { APP_ROLE, ensureRoles } from '../roles.ts'

export const DATABASE = 'tollkeeper'
export const OWNER_ROLE = 'tollkeeper_owner'

/**
 * The roles and the database of ours; again is harmless. The owner may make schemas, since the database is its own;
 * what the application's role may do is said by the migrations, schema by schema.
 */
export async function prepareDatabase(admin: Client, passwords: { owner: string; app: string }): Promise<void> {
  await ensureLogin(admin, OWNER_ROLE, passwords.owner)
  await ensureLogin(admin, APP_ROLE, passwords.app)
  await ensureRoles(admin, [OWNER_ROLE, APP_ROLE])
  const { rowCount } = await admin.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE])
  if (rowCount === 0) await admin.query(`CREATE DATABASE ${DATABASE} OWNER ${OWNER_ROLE}`)
  await admin.query(`REVOKE ALL ON DATABASE ${DATABASE} FROM PUBLIC`)
  await admin.query(`GRANT CONNECT, TEMPORARY ON DATABASE ${DATABASE} TO ${APP_ROLE}`)
}

async function ensureLogin(admin: Client, role: string, password: string): Promise<void> {
  const { rowCount } = await admin.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [role])
  const verb = rowCount === 0 ? 'CREATE' : 'ALTER'
  await admin.query(`${verb} ROLE ${role} LOGIN PASSWORD ${admin.escapeLiteral(password)}`)
}
