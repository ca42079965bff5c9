import type { EntityManager } from '@mikro-orm/postgresql'
import type { GivenTime } from '../database/money/database-clock.ts'
import { invariant } from '../foundation/invariant.ts'

/** The time by which managers decide: the database's, since two machines must not disagree; or a clock's that was given. */
export class DatabaseTime {
  readonly #given: GivenTime

  constructor(given: GivenTime) {
    this.#given = given
  }

  async now(em: EntityManager): Promise<Date> {
    const given = this.given()
    if (given) return given
    const [row] = await em.execute<{ now: string }[]>('select tollkeeper.to_ms(now()) as now')
    invariant(row, 'a select of one row has one')
    return new Date(Number(row.now))
  }

  /** For a statement that says `coalesce(?::timestamptz, now())`; null where no clock was given. */
  given(): Date | null {
    const time = this.#given()
    return time === null ? null : new Date(Number(time))
  }
}
