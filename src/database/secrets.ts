import type pg from 'pg'
import { invariant } from '../foundation/invariant.ts'

/** What the migration drew for this installation. */
export async function readSecret(pool: pg.Pool, name: 'cursors'): Promise<Buffer> {
  const { rows } = await pool.query<{ value: Buffer }>('select value from tollkeeper.secrets where name = $1', [name])
  invariant(rows[0], `the database has the secret ${name}`)
  return rows[0].value
}
