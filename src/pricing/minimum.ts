import { formatAmount, type Nano } from './money.ts'
import type { Line } from './price.ts'
import type { Tariff } from './tariff.ts'

/** The stage whose charge brings a job up to the minimum of its tariff. */
export const OUTPUT_STAGE = 'output'
/** Under what name the minimum stands in receipts and ledgers. No component may have this key (publish.ts). */
export const MINIMUM_KEY = 'minimum'

type Terms = Pick<Tariff, 'minimumPerJob'>

/** What an amount lacks to the minimum of a job, in nano-units; 0 where it lacks nothing. */
export function shortfallOf({ minimumPerJob }: Terms, amount: Nano): Nano {
  return amount < minimumPerJob ? minimumPerJob - amount : 0n
}

/**
 * The line that brings a job up to its minimum. It counts no units, and what it costs follows from the job's other lines.
 * @param charged all that the job was charged before, with its output's own lines, in nano-units
 * @returns null where nothing is lacking
 */
export function minimumLine(tariff: Terms, charged: Nano): Line | null {
  const amount = shortfallOf(tariff, charged)
  if (amount === 0n) return null
  return {
    component: MINIMUM_KEY,
    kind: 'minimum',
    model: null,
    llmModel: null,
    tokenClass: null,
    quantity: 1,
    source: 'counted',
    includedUsed: 0,
    billedQuantity: 1,
    price: tariff.minimumPerJob,
    per: 1,
    tiers: null,
    counterBefore: 0,
    counterAfter: 0,
    billedBefore: 0,
    amount,
  }
}

/** Why a job cannot be run for its limit, and what helps. @param maxCost nano-units */
export function limitTooLow(
  { minimumPerJob, currency }: Pick<Tariff, 'minimumPerJob' | 'currency'>,
  maxCost: Nano,
): string {
  if (maxCost < minimumPerJob) {
    return `max_cost is below the minimum of ${formatAmount(minimumPerJob)} ${currency} per job; raise it`
  }
  return 'max_cost does not cover the smallest possible run of this job; raise it or shorten the text'
}
