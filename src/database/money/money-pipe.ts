import type pg from 'pg'
import type { Call } from '../../ledger/calls.ts'
import type { Writes } from '../../ledger/facts.ts'
import { faultOf } from '../retry.ts'
import { DatabaseClock, type GivenTime, NO_CLOCK } from './database-clock.ts'
import type { RunBatch } from './lane.ts'
import { Memory } from './memory.ts'
import { moneyTransaction, type Verdicts } from './money-transaction.ts'
import type { TariffCache } from './tariff-cache.ts'

/** What the transactions of one process share. */
interface Shared {
  readonly pool: pg.Pool
  readonly tariffs: TariffCache
  readonly memory: Memory
  readonly announce: (jobIds: readonly string[]) => void
  readonly tell: (writes: Writes) => void
  readonly time: GivenTime
}

/**
 * @param pool of connections that pipeline what they are asked, one for each lane at least
 * @param memory of this process and no other
 * @param announce told of the jobs whose state changed, behind the COMMIT
 * @param tell told of all that was stored, behind the COMMIT
 * @param time of a clock that was given; what is decided is decided by it
 */
export function moneyTransactions(
  pool: pg.Pool,
  tariffs: TariffCache,
  {
    time = NO_CLOCK,
    memory = new Memory(new DatabaseClock(time)),
    announce = () => undefined,
    tell = () => undefined,
  }: Partial<Pick<Shared, 'memory' | 'announce' | 'tell' | 'time'>> = {},
): RunBatch {
  const shared = { pool, tariffs, memory, announce, tell, time }
  const pipes = new Map<number, MoneyPipe>()
  return (calls, { lane, sent } = { lane: 0, sent: () => undefined }) => {
    const pipe = pipes.get(lane) ?? new MoneyPipe(shared)
    pipes.set(lane, pipe)
    return pipe.run(calls, sent)
  }
}

/** A client of the pool while transactions of a pipe are under way on it. */
class Connection {
  readonly client: pg.PoolClient
  users = 0
  broken: Error | undefined
  readonly #onError = (error: Error): void => {
    this.broken = error
  }

  constructor(client: pg.PoolClient) {
    this.client = client
    client.on('error', this.#onError)
  }

  release(): void {
    this.client.off('error', this.#onError)
    this.client.release(this.broken)
  }
}

/**
 * One connection on which transactions follow each other without waiting for answers: while PostgreSQL stores one, this
 * process decides the next, and has it sent before the answer comes.
 */
class MoneyPipe {
  readonly #shared: Shared
  #connection: Connection | undefined
  /** Until the last transaction is sent whole: statements of two must not mix. */
  #sending: Promise<void> = Promise.resolve()
  /** Until the last transaction has ended, and with it all that were ahead of it. */
  #ending: Promise<void> = Promise.resolve()
  #failures = 0
  /** Of these failures everything has ended that was sent behind them. */
  #failuresOver = 0

  constructor(shared: Shared) {
    this.#shared = shared
  }

  async run(calls: readonly Call[], onSent: () => void): Promise<Verdicts> {
    const { promise: sending, resolve: allowNext } = Promise.withResolvers<void>()
    const { promise: ending, resolve: end } = Promise.withResolvers<void>()
    const [before, ahead] = [this.#sending, this.#ending]
    this.#sending = sending
    this.#ending = ending
    await before
    let connection: Connection | undefined
    try {
      await this.#waitBehindFailures(ahead)
      const failures = this.#failures
      connection = await this.#connect()
      const { client } = connection
      // Their last answers may come with our first ones, and be understood after them.
      const isOvertaken = async (): Promise<boolean> => {
        await ahead
        return failures !== this.#failures
      }
      const sent = (): void => {
        allowNext()
        onSent()
      }
      return await moneyTransaction({ client, sent, isOvertaken }, this.#shared, calls)
    } catch (error) {
      this.#failures += 1
      if (connection && faultOf(error) === 'unavailable') connection.broken ??= error as Error
      throw error
    } finally {
      allowNext()
      void ahead.then(end)
      if (connection) this.#leave(connection)
    }
  }

  /** What was sent behind a failed transaction mostly fails, too, and says nothing of whoever comes after that. */
  async #waitBehindFailures(ahead: Promise<void>): Promise<void> {
    if (this.#failures === this.#failuresOver) return
    await ahead
    this.#failuresOver = this.#failures
  }

  async #connect(): Promise<Connection> {
    if (this.#connection === undefined || this.#connection.broken) {
      this.#connection = new Connection(await this.#shared.pool.connect())
    }
    this.#connection.users += 1
    return this.#connection
  }

  #leave(connection: Connection): void {
    connection.users -= 1
    if (connection.users > 0) return
    if (this.#connection === connection) this.#connection = undefined
    connection.release()
  }
}
