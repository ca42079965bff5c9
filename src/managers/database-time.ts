import type { EntityManager } from '@mikro-orm/postgresql'
import { invariant } from '../foundation/invariant.ts'

/** The database's clock, as an instant: time stamps of two machines must not disagree. */
export async function databaseTime(em: EntityManager): Promise<Date> {
  const [row] = await em.execute<{ now: string }[]>('select tollkeeper.to_ms(now()) as now')
  invariant(row, 'a select of one row has one')
  return new Date(Number(row.now))
}
