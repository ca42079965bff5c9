import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { migrate, refusePendingMigrations } from '../../src/database/migrate.ts'
import { openOrm } from '../../src/database/orm.ts'
import { ensureRoles } from '../../src/database/roles.ts'
import { createInTenantTransaction } from '../../src/database/transaction.ts'
import { ConfigurationError } from '../../src/foundation/errors.ts'
import { migrateQueues } from '../../src/queues/migrate.ts'
import { testDatabase } from '../support/postgres.ts'

const PASSWORD = 'only-for-tests'

/** Which logins an installation has is known when it is installed: ours, one that does everything, or somebody's own. */
describe('the roles of an installation', () => {
  let admin: (sql: string) => Promise<readonly pg.QueryResultRow[]>
  const undo: string[] = []
  beforeAll(() => {
    admin = async (sql) => {
      const client = new pg.Client({ connectionString: inject('postgres').adminUrl })
      await client.connect()
      try {
        return (await client.query(sql)).rows
      } finally {
        await client.end()
      }
    }
  })
  afterEach(async () => {
    for (const sql of undo.reverse()) await admin(sql)
    undo.length = 0
  })

  /** @returns a new login and the address by which it reaches a database */
  async function login(name: string, terms = ''): Promise<string> {
    const role = `${name}_${randomBytes(4).toString('hex')}`
    await admin(`create role ${role} login password '${PASSWORD}' ${terms}`)
    undo.push(`drop role ${role}`)
    return role
  }
  const urlOf = (role: string, database: string): string =>
    Object.assign(new URL(inject('postgres').ownerUrl), {
      username: role,
      password: PASSWORD,
      pathname: `/${database}`,
    }).toString()

  async function as<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    try {
      return await work(client)
    } finally {
      await client.end()
    }
  }

  it('one login may do everything, as on a managed PostgreSQL, and is held to the tenant it reads for', async () => {
    const owner = await login('one', 'createrole')
    const database = `${owner}_db`
    await admin(`create database ${database} owner ${owner}`)
    undo.push(`drop database if exists ${database} with (force)`)
    await admin(`grant tollkeeper_money, tollkeeper_tenant to ${owner} with inherit false, set true`)
    const url = urlOf(owner, database)
    await migrate(url, migrateQueues)
    await expect(refusePendingMigrations(url)).resolves.toBeUndefined()
    const policy = await as(url, (client) =>
      client.query(`select roles::text[] from pg_policies where tablename = 'jobs' and policyname = 'platform'`),
    )
    expect(policy.rows[0].roles).toContain(owner)
    await as(url, (client) =>
      client.query(`insert into tollkeeper.organizations (id, name, currency, period_anchor, period_start, period_end)
        select id, id, 'USD', now(), now(), now() + interval '1 month' from unnest(array['acme', 'rival']) id`),
    )
    const orm = await openOrm(url)
    try {
      const seen = await createInTenantTransaction(orm)({ organizationId: 'acme', userId: null }, (em) =>
        em.execute('select id from tollkeeper.organizations'),
      )
      expect(seen).toEqual([{ id: 'acme' }])
    } finally {
      await orm.close(true)
    }
  })

  it('a login that may not grant them is told what an administrator has to run, and that is enough', async () => {
    const plain = await login('plain')
    const url = urlOf(plain, 'postgres')
    const refused = await as(url, (client) => ensureRoles(client, [plain]).catch((error: Error) => error))
    expect(refused).toBeInstanceOf(ConfigurationError)
    const command = /run "(.*)", then migrate again/.exec(String(refused))?.[1] ?? ''
    expect(command).toContain(`grant tollkeeper_tenant to ${plain}`)
    await admin(command)
    await expect(as(url, (client) => ensureRoles(client, [plain]))).resolves.toBeUndefined()
  })

  it('a start by a login that sees no row, or may not work as these roles, says which command is missing', async () => {
    const own = await login('own')
    const database = await testDatabase()
    try {
      await database.query(`grant usage on schema tollkeeper to ${own}`)
      await database.query(`grant select on all tables in schema tollkeeper to ${own}`)
      undo.push(`revoke tollkeeper_app from ${own}`)
      const url = urlOf(own, new URL(database.ownerUrl).pathname.slice(1))
      await expect(refusePendingMigrations(url)).rejects.toThrow(`run: grant tollkeeper_app to ${own}`)
      await admin(`grant tollkeeper_app to ${own} with set false`)
      await expect(refusePendingMigrations(url)).rejects.toThrow(`run: grant tollkeeper_money to ${own}`)
      await admin(`grant tollkeeper_app to ${own} with set true`)
      await expect(refusePendingMigrations(url)).resolves.toBeUndefined()
    } finally {
      await database.drop()
    }
  })
})
