import type { EntityManager, MikroORM } from '@mikro-orm/postgresql'
import { translateDatabaseError } from './errors.ts'
import { withRetry } from './retry.ts'

/** For whoever hands work to a transaction without knowing the ORM. */
export type { EntityManager } from '@mikro-orm/postgresql'
/** How a transaction ends: `dryRun` writes and checks all, and rolls it back. */
export interface TransactionOptions {
  readonly dryRun?: boolean
}

/** Runs a function in one transaction of the unit of work; opened at the edge, once per request. */
export type InTransaction = <T>(work: (em: EntityManager) => Promise<T>, options?: TransactionOptions) => Promise<T>
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
