import type pg from 'pg'
import type { BalanceView } from '../ledger/facts.ts'
import { translateDatabaseError } from './errors.ts'
import { GatheredRead } from './gathered-read.ts'
import { listOf } from './money/array-literal.ts'
import { ask, type Cells, statement } from './money/statements.ts'
import { withRetry } from './retry.ts'

/**
 * Planned anew each time, in a tenth of a millisecond: a plan from the days of an empty table may count parked jobs by going
 * through all of an organisation's.
 */
const READ_BALANCES = { ...statement('read-balances'), name: '' }

/** Organisations in one statement; more that ask at once share the next. */
const AT_ONCE_MAX = 500

/** Reads what organisations have: it is asked often and by many at once, so it is gathered, and no unit of work. */
export class BalanceReader {
  readonly #reads: GatheredRead<string, BalanceView | null>

  constructor(pool: pg.Pool) {
    const read = async (ids: readonly string[]) => {
      const rows = await withRetry(() => ask(pool, READ_BALANCES, [listOf(ids)]))
      return rows.map(balanceFrom)
    }
    this.#reads = new GatheredRead(read, AT_ONCE_MAX)
  }

  /** As it stands when this is asked, or a moment later. @returns null for an unknown organisation @throws UnavailableError */
  async read(organizationId: string): Promise<BalanceView | null> {
    try {
      return await this.#reads.of(organizationId)
    } catch (error) {
      throw translateDatabaseError(error)
    }
  }
}

function balanceFrom(row: Cells): BalanceView | null {
  const [id, currency, available, held, overdraftLimit, seatsUsed, seatsPaid, maxTeamMembers, parked, seq] = row
  if (id == null) return null
  return {
    currency: currency ?? '',
    available: BigInt(available ?? 0),
    held: BigInt(held ?? 0),
    overdraftLimit: BigInt(overdraftLimit ?? 0),
    seatsUsed: Number(seatsUsed),
    seatsPaid: Number(seatsPaid),
    maxTeamMembers: maxTeamMembers == null ? null : Number(maxTeamMembers),
    parked: Number(parked),
    asOfSeq: Number(seq),
  }
}
