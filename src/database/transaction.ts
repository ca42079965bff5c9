import type { EntityManager, MikroORM } from '@mikro-orm/postgresql'
import { translateDatabaseError } from './errors.ts'
import { withRetry } from './retry.ts'
import { asTenant, type Tenant } from './tenant.ts'

/** For whoever hands work to a transaction without knowing the ORM. */
export type { EntityManager } from '@mikro-orm/postgresql'
/** How a transaction ends: `dryRun` writes and checks all, and rolls it back. */
export interface TransactionOptions {
  readonly dryRun?: boolean
}

/** Runs a function in one transaction of the unit of work; opened at the edge, once per request. */
export type InTransaction = <T>(work: (em: EntityManager) => Promise<T>, options?: TransactionOptions) => Promise<T>
/** Runs a function in one transaction that reads what a tenant may see; every other row is not there. It writes nothing. */
export type InTenantTransaction = <T>(tenant: Tenant, work: (em: EntityManager) => Promise<T>) => Promise<T>
/** A fresh entity manager for reading: nothing that somebody else read before is seen in it. */
export type EntityManagerSource = () => EntityManager

/** Carries a result out of a transaction that it ends. */
class Rehearsed<T> extends Error {
  readonly result: T

  constructor(result: T) {
    super('Rolled back on purpose')
    this.result = result
  }
}

/** Each try gets a fresh identity map, so that a retry decides on rows that it has read itself. */
export function createInTransaction(orm: MikroORM): InTransaction {
  return async (work, { dryRun = false } = {}) => {
    try {
      return await withRetry(() => (dryRun ? rehearse(orm, work) : orm.em.fork().transactional(work)))
    } catch (error) {
      throw translateDatabaseError(error)
    }
  }
}

async function rehearse<T>(orm: MikroORM, work: (em: EntityManager) => Promise<T>): Promise<T> {
  try {
    return await orm.em.fork().transactional(async (em): Promise<T> => {
      const result = await work(em)
      // Whatever COMMIT would have refused is refused here, too.
      await em.flush()
      await em.execute('set constraints all immediate')
      throw new Rehearsed(result)
    })
  } catch (error) {
    if (error instanceof Rehearsed) return error.result as T
    throw error
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
