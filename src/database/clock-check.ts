import type pg from 'pg'
import type { Clock } from '../foundation/clock.ts'
import { ConfigurationError } from '../foundation/errors.ts'

/**
 * Money and claims go by the database's clock, but a new job's first look by the sweep, the queue's delays and, on
 * PostgreSQL, its locks go by the process's: beyond this, workers would steal one another's jobs, or leave them for hours.
 */
const SKEW_MAX_MS = 2_000

/** @throws ConfigurationError where this machine's clock and the database's differ by more than two seconds */
export async function refuseClockSkew(pool: pg.Pool, clock: Clock): Promise<void> {
  const before = clock.now().getTime()
  const { rows } = await pool.query<{ now: Date }>('select clock_timestamp() as now')
  const after = clock.now().getTime()
  const theirs = rows[0]?.now.getTime() ?? after
  const skew = theirs < before ? before - theirs : Math.max(0, theirs - after)
  if (skew <= SKEW_MAX_MS) return
  throw new ConfigurationError(
    `The clock of this machine and the database's differ by ${(skew / 1000).toFixed(1)} s; set them right (NTP) and start again`,
  )
}
