import type pg from 'pg'
import { newId } from '../../foundation/ids.ts'
import { Turnstile } from '../../foundation/turnstile.ts'
import type { Answered, Call, CallKind, Calls, Outcome, Slip, Verdicts } from '../../ledger/calls.ts'
import { fold } from '../../ledger/fold.ts'
import { translateDatabaseError } from '../errors.ts'
import { withRetry } from '../retry.ts'
import type { GivenTime } from './database-clock.ts'
import { versionsOf } from './money-transaction.ts'
import { namedRows } from './named-rows.ts'
import { readFacts } from './read-facts.ts'
import { allOf, ask } from './statements.ts'
import type { TariffCache } from './tariff-cache.ts'
import { writingStatements } from './write-rows.ts'

/** They lock what the batches lock, and do nothing for it: a few at a time are enough. */
const BOUNDS = { atOnce: 2, waitingMax: 100 }

/**
 * Calls that are decided and written as the real ones are, on the same rows under the same locks, and rolled back. Each has
 * a transaction of its own, so that no call that counts shares its fate; nothing of it is remembered or told to anybody.
 */
export class Rehearsals {
  readonly #pool: pg.Pool
  readonly #tariffs: TariffCache
  readonly #time: GivenTime
  readonly #turnstile = new Turnstile(BOUNDS)

  /** @param pool of connections that pipeline what they are asked, with the settings of the money path; not its own */
  constructor(pool: pg.Pool, tariffs: TariffCache, time: GivenTime) {
    this.#pool = pool
    this.#tariffs = tariffs
    this.#time = time
  }

  /**
   * @returns what the same call would be answered at this moment
   * @throws what it would throw; UnavailableError, too, where many rehearse at once
   */
  rehearse<K extends CallKind>(kind: K, call: Calls[K], slip: Slip<K>): Promise<Verdicts[K] | Answered> {
    const named = { kind, ...call, slip } as unknown as Call
    return this.#turnstile.pass(async () => {
      const outcome = await withRetry(() => this.#transact(named)).catch((error: unknown) => {
        throw translateDatabaseError(error)
      })
      if (outcome instanceof Error) throw outcome
      return outcome as Verdicts[K] | Answered
    })
  }

  async #transact(call: Call): Promise<Outcome | Error> {
    const client = await this.#pool.connect()
    let broken: Error | undefined
    const onError = (error: Error): void => {
      broken = error
    }
    client.on('error', onError)
    try {
      const { facts } = await readFacts(client, namedRows([call]), this.#time)
      const { verdicts, writes } = fold(facts, await this.#tariffs.load(client, versionsOf(facts)), [call])
      const statements = writingStatements(writes, facts.organizations, newId())
      // With the rollback behind them in the same breath: the locks last no longer than the statements.
      await allOf([
        ...statements.map(([statement, values]) => ask(client, statement, values)),
        client.query('rollback'),
      ])
      return verdicts[0] ?? new Error('Invariant broken: a call was rehearsed without a verdict')
    } catch (error) {
      await client.query('rollback').catch(onError)
      throw error
    } finally {
      client.off('error', onError)
      client.release(broken)
    }
  }
}
