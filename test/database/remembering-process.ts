import type pg from 'pg'
import { Batcher, type BatcherOptions } from '../../src/database/money/batcher.ts'
import { DatabaseClock } from '../../src/database/money/database-clock.ts'
import { ImplicitTransaction } from '../../src/database/money/implicit-transaction.ts'
import type { LanePlace, RunBatch } from '../../src/database/money/lane.ts'
import { Memory } from '../../src/database/money/memory.ts'
import { moneyTransactions } from '../../src/database/money/money-pipe.ts'
import { TariffCache } from '../../src/database/money/tariff-cache.ts'
import { openMoneyPool } from '../../src/database/pool.ts'
import type { Call } from '../../src/ledger/calls.ts'

const LANES = 2

/** What a process has of its own: connections, tariffs, a memory; and a record of every statement that it sends. */
export class RememberingProcess implements AsyncDisposable {
  readonly clock = new DatabaseClock()
  readonly memory = new Memory(this.clock)
  readonly pool: pg.Pool
  readonly run: RunBatch
  readonly batcher: Batcher
  /** The names of statements, or the text of those that have none, in the order in which they were sent. */
  #sent: string[] = []
  /** Called in the turn in which a transaction was sent whole. */
  onSent: () => void = () => undefined

  constructor(url: string, options: Partial<BatcherOptions> = {}) {
    this.pool = openMoneyPool(url, LANES)
    this.pool.on('error', () => undefined)
    this.pool.on('connect', (client) => this.#record(client))
    const transact = moneyTransactions(this.pool, new TariffCache(), { memory: this.memory })
    this.run = (calls: readonly Call[], { lane, sent }: LanePlace = { lane: 0, sent: () => undefined }) => {
      const tell = (): void => {
        sent()
        this.onSent()
      }
      return transact(calls, { lane, sent: tell })
    }
    this.batcher = new Batcher(this.run, { lanes: LANES, ...options })
  }

  /** What was sent since the last look. */
  takeSent(): readonly string[] {
    const sent = this.#sent
    this.#sent = []
    return sent
  }

  /** The transactions since the last look, each as its way to lock: on remembered rows, or to read; `?` where they mix. */
  takeWays(): readonly string[] {
    const ways: string[] = []
    for (const statement of this.takeSent()) {
      const isOpen = ways.at(-1)?.endsWith(' …') ?? false
      if (statement === 'begin') ways.push(isOpen ? '?' : ' …')
      else if (!isOpen) ways.push('?')
      else if (statement === 'lock-known') ways.splice(-1, 1, 'known …')
      else if (statement === 'lock-balances') ways.splice(-1, 1, 'read …')
      else if (statement === 'commit') ways.push((ways.pop() ?? '').replace(' …', ''))
      else if (statement === 'rollback') ways.push(`${(ways.pop() ?? '').replace(' …', '')} rolled back`)
    }
    return ways
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.batcher.drain()
    await this.pool.end()
  }

  #record(client: pg.PoolClient): void {
    const query = client.query.bind(client) as (...asked: readonly unknown[]) => unknown
    const recorded = (...asked: readonly unknown[]): unknown => {
      const [first] = asked as readonly [string | { name?: string; text: string } | ImplicitTransaction]
      if (first instanceof ImplicitTransaction) {
        this.#sent.push('begin', ...first.statements.map(([{ name }]) => name), 'commit')
      } else this.#sent.push(typeof first === 'string' ? first : (first.name ?? first.text))
      return query(...asked)
    }
    client.query = recorded as unknown as typeof client.query
  }
}
