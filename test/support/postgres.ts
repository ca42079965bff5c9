import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'

/** A migrated database of a test's own. `owner` may do everything in it, `app` what the running application may. */
export interface TestDatabase {
  readonly appUrl: string
  readonly ownerUrl: string
  /** Reads or changes rows as the owner. */
  query<Row extends pg.QueryResultRow>(sql: string, values?: readonly unknown[]): Promise<readonly Row[]>
  /** Ends the server's side of every connection of that application to this database. */
  cutConnections(applicationName: string): Promise<void>
  drop(): Promise<void>
}

/** Copies the migrated template: some 50 ms instead of the second that migrating takes. */
export async function testDatabase(): Promise<TestDatabase> {
  const { adminUrl, ownerUrl, appUrl } = inject('postgres')
  const name = `test_${randomBytes(6).toString('hex')}`
  await asAdmin(adminUrl, `create database ${name} template tollkeeper owner tollkeeper_owner`)
  const named = (url: string): string => Object.assign(new URL(url), { pathname: `/${name}` }).toString()
  const pool = new pg.Pool({ connectionString: named(ownerUrl), max: 2 })
  pool.on('error', () => undefined)
  return {
    appUrl: named(appUrl),
    ownerUrl: named(ownerUrl),
    query: async (sql, values = []) => (await pool.query(sql, [...values])).rows,
    async cutConnections(applicationName) {
      await asAdmin(
        adminUrl,
        `select pg_terminate_backend(pid) from pg_stat_activity
         where application_name = $1 and datname = $2`,
        [applicationName, name],
      )
    },
    async drop() {
      await pool.end()
      await asAdmin(adminUrl, `drop database if exists ${name} with (force)`)
    },
  }
}

async function asAdmin(adminUrl: string, sql: string, values: readonly string[] = []): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl })
  await client.connect()
  try {
    // Two copies of one template at once refuse each other; they wait instead.
    await client.query('select pg_advisory_lock(7301144999)')
    await client.query(sql, [...values])
  } finally {
    await client.end()
  }
}
