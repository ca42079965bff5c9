import type { EntityManager, MikroORM } from '@mikro-orm/postgresql'
import { translateDatabaseError } from './errors.ts'
import { withRetry } from './retry.ts'

/** For whoever hands work to a transaction without knowing the ORM. */
export type { EntityManager } from '@mikro-orm/postgresql'

/** Runs a function in one transaction of the unit of work; opened at the edge, once per request. */
export type InTransaction = <T>(work: (em: EntityManager) => Promise<T>) => Promise<T>
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
