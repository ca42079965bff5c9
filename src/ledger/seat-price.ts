import type { Nano } from '../pricing/money.ts'
import type { Book } from './book.ts'
import type { OrganizationRow } from './facts.ts'

/**
 * What a seat costs for the whole of the running period, in nano-units: by the version that the period began on. Another
 * version of the plan that is pinned within it changes that with the renewal, as it does the monthly fee; so whoever leaves
 * the plan before gets back what was paid.
 */
export function seatPrice(book: Book, { periods, periodNumber, tariffVersionId }: OrganizationRow): Nano {
  if (tariffVersionId === null) return 0n
  const pinned = book.tariff(tariffVersionId)
  const begun = periods.find(({ number }) => number === periodNumber)?.tariffVersionId ?? null
  const first = begun === null ? pinned : book.tariff(begun)
  return first.planId === pinned.planId ? first.memberPrice : pinned.memberPrice
}
