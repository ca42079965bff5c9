import { divideHalfUp, type Nano } from '../pricing/money.ts'

/**
 * The month that `at` falls into, counted from an anchor. A period starts at 00:00Z of the anchor's day and ends at that
 * day of the next month, clamped to the month's end: 31 January, 28 February, 31 March. Epoch milliseconds.
 */
export function periodAt(anchor: number, at: number): { start: number; end: number } {
  const from = new Date(anchor)
  const to = new Date(at)
  let months = (to.getUTCFullYear() - from.getUTCFullYear()) * 12 + to.getUTCMonth() - from.getUTCMonth()
  if (monthsAfter(anchor, months) > at) months -= 1
  return { start: monthsAfter(anchor, months), end: monthsAfter(anchor, months + 1) }
}

/** 00:00Z of the day of `at`, which is what a subscription is anchored to. */
export function startOfDay(at: number): number {
  return Math.floor(at / 86_400_000) * 86_400_000
}

function monthsAfter(anchor: number, months: number): number {
  const from = new Date(startOfDay(anchor))
  const year = from.getUTCFullYear()
  const month = from.getUTCMonth() + months
  const lastDay = new Date(Date.UTC(year, month + 1, 0)).getUTCDate()
  return Date.UTC(year, month, Math.min(from.getUTCDate(), lastDay))
}

/**
 * What an amount for a whole period comes to from a moment to its end: by whole seconds that are left, rounded half up. A seat
 * that is bought then costs it, and of a period that was paid and ends then it comes back.
 */
export function unusedShare(
  amount: Nano,
  { start, end }: { readonly start: number; readonly end: number },
  at: number,
): Nano {
  const left = BigInt(Math.max(0, Math.floor((end - at) / 1_000)))
  return divideHalfUp(amount * left, BigInt(Math.round((end - start) / 1_000)))
}
