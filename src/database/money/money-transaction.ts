import type pg from 'pg'
import { failpoint } from '../../foundation/failpoint.ts'
import type { Call, Verdict } from '../../ledger/calls.ts'
import { fold } from '../../ledger/fold.ts'
import { faultOf, UnansweredCommit } from '../retry.ts'
import { namedRows } from './named-rows.ts'
import { readFacts } from './read-facts.ts'
import type { TariffCache } from './tariff-cache.ts'
import { writeAndCommit } from './write-rows.ts'

/**
 * One transaction of the money path: lock and read, fold, write and COMMIT; two round trips. The verdicts come in the order
 * of the calls.
 * @param pool of connections that pipeline what they are asked
 * @throws UnansweredCommit when all of it may have been stored; whatever else PostgreSQL throws: nothing was. Either way
 *   every call may be made again
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
    const facts = await readFacts(client, namedRows(calls))
    const versions = [...facts.organizations, ...facts.jobs].flatMap((item) => item.tariffVersionId ?? [])
    const { verdicts, writes } = fold(facts, await tariffs.load(client, versions), calls)
    await writeAndCommit(client, writes).catch((error: Error) => {
      throw faultOf(error) === 'unavailable' ? new UnansweredCommit(error) : error
    })
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
