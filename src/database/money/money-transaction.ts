import { readFileSync } from 'node:fs'
import type pg from 'pg'
import { failpoint } from '../../foundation/failpoint.ts'
import type { Call, Verdict } from '../../ledger/calls.ts'
import { fold } from '../../ledger/fold.ts'
import { namedRows } from './named-rows.ts'
import { type FactsJson, factsFromJson } from './rows.ts'
import type { TariffCache } from './tariff-cache.ts'
import { writeParameters } from './write-parameters.ts'

/** Every row is written by its key: a plan that hashes a table is right while it is small, and ruinous later. */
const BEGIN = 'begin; set local enable_hashjoin = off; set local enable_mergejoin = off; set local jit = off'
const WRITE_BATCH = readFileSync(new URL('../sql/write-batch.sql', import.meta.url), 'utf8')

/**
 * One transaction of the money path: lock, fold, write, COMMIT. The verdicts come in the order of the calls.
 * @throws whatever PostgreSQL throws; then nothing was stored, or COMMIT's answer was lost: every call may be made again
 */
export async function moneyTransaction(
  pool: pg.Pool,
  tariffs: TariffCache,
  calls: readonly Call[],
): Promise<readonly (Verdict | Error)[]> {
  const client = await pool.connect()
  let broken: Error | undefined
  const onError = (error: Error): void => {
    broken = error
  }
  client.on('error', onError)
  try {
    failpoint('money.before-begin')
    await client.query(BEGIN)
    const locked = await client.query<{ facts: FactsJson }>({
      name: 'lock_batch',
      text: 'select tollkeeper.lock_batch($1::jsonb) as facts',
      values: [namedRows(calls)],
    })
    const [row] = locked.rows
    if (!row) throw new Error('lock_batch returns one row')
    const facts = factsFromJson(row.facts)
    const versions = [...facts.organizations, ...facts.jobs].flatMap((item) => item.tariffVersionId ?? [])
    const { verdicts, writes } = fold(facts, await tariffs.load(client, versions), calls)
    await client.query({
      name: 'write_batch',
      text: WRITE_BATCH,
      values: writeParameters(writes),
    })
    failpoint('money.in-transaction')
    await client.query('commit')
    failpoint('money.after-commit')
    return verdicts
  } catch (error) {
    await client.query('rollback').catch((failure: Error) => {
      broken = failure
    })
    throw error
  } finally {
    client.off('error', onError)
    client.release(broken)
  }
}
