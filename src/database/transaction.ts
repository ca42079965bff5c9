import type { EntityManager, MikroORM } from '@mikro-orm/postgresql'
import { translateDatabaseError } from './errors.ts'
import { withRetry } from './retry.ts'
import { asTenant, type Tenant } from './tenant.ts'

/** Runs a function in one transaction of the unit of work; opened at the edge, once per request. */
export type InTransaction = <T>(work: (em: EntityManager) => Promise<T>) => Promise<T>
/** Runs a function in one transaction that reads what a tenant may see; every other row is not there. It writes nothing. */
export type InTenantTransaction = <T>(tenant: Tenant, work: (em: EntityManager) => Promise<T>) => Promise<T>
/** A fresh entity manager for reading: nothing that somebody else read before is seen in it. */
export type EntityManagerSource = () => EntityManager

/** Each try gets a fresh identity map, so that a retry decides on rows that it has read itself. */
export function createInTransaction(orm: MikroORM): InTransaction {
  return async (work) => {
    try {
      return await withRetry(() => orm.em.fork().transactional(work))
    } catch (error) {
      throw translateDatabaseError(error)
    }
  }
}

/**
 * The second line of isolation: whatever a query forgets to ask for, PostgreSQL shows the tenant's own rows only. Role and
 * settings travel with BEGIN, so that this costs no round trip more than a transaction of ours.
 */
export function createInTenantTransaction(orm: MikroORM): InTenantTransaction {
  return async (tenant, work) => {
    try {
      return await withRetry(() => transactionOf(orm, tenant, work))
    } catch (error) {
      throw translateDatabaseError(error)
    }
  }
}

async function transactionOf<T>(orm: MikroORM, tenant: Tenant, work: (em: EntityManager) => Promise<T>): Promise<T> {
  const connection = orm.em.getConnection()
  // The first use of an ORM looks around on a connection of its own, and would wait for the one that is taken here.
  await connection.ensureConnection()
  return connection
    .getClient()
    .connection()
    .execute(async (own) => {
      const run = (sql: string) => connection.execute(sql, [], 'run', own)
      try {
        await run(`begin; ${asTenant(tenant)}`)
        const em = orm.em.fork()
        em.setTransactionContext(own)
        const answer = await work(em)
        await run('commit')
        return answer
      } catch (error) {
        await run('rollback')
        throw error
      }
    })
}
