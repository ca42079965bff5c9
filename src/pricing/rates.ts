import { invariant } from '../foundation/invariant.ts'
import { divideCeil, divideFloor, divideHalfUp, largest, type Nano, smallest } from './money.ts'
import type { Rate, Tier } from './tariff.ts'

/** An exact amount before it is rounded: `numerator ÷ denominator` nano-units. */
interface Exact {
  readonly numerator: bigint
  readonly denominator: bigint
}

/**
 * What `units` billed units cost at this rate, rounded half up, once.
 * @param position billed units of the period before these; tiers and packages count from it
 * @param units billed units, the included ones already off
 */
export function amountOf(rate: Rate, position: number, units: number): Nano {
  const { numerator, denominator } = exactAmount(rate, position, units)
  return divideHalfUp(numerator, denominator)
}

/**
 * The most that `lines` lines of one stage can cost together for `units` billed units, wherever the counter stands when
 * they settle. Every position from 0 on is considered, not only the later ones: other jobs push the counter up, but the
 * reversal of a failed job pulls it down again, back into a dearer tier.
 * Exact for one line; n lines that may end in fractions add n halves, for each is rounded up by a half at most.
 */
export function highestAmount(rate: Rate, units: number, lines: number): Nano {
  const { numerator, denominator } = highestExact(rate, units)
  const halves = BigInt(roundedLines(rate, units, lines))
  return divideFloor(2n * numerator + halves * denominator, 2n * denominator)
}

/** The least that one line can cost that bills `units` units or more, wherever the counter stands when it settles. */
export function lowestAmount(rate: Rate, units: number): Nano {
  if (units === 0) return 0n
  switch (rate.model) {
    case 'per_unit':
    case 'flat':
      return amountOf(rate, 0, units)
    case 'graduated': {
      const numerator = windowStarts(tiersOf(rate), units).map((start) => windowSum(tiersOf(rate), start, units))
      return divideHalfUp(smallest(numerator), BigInt(rate.per))
    }
    case 'volume': {
      const reachable = tiersOf(rate).filter((tier) => tier.upTo === null || tier.upTo >= units)
      return divideHalfUp(smallest(reachable.map((tier) => tier.price)) * BigInt(units), BigInt(rate.per))
    }
    case 'package':
      return priceOf(rate) * BigInt(Math.floor(units / rate.per))
  }
}

/** A bound of `highestAmount` that grows in a straight line from a step: `steps + slope`, so that it can be split. */
interface LinearBound {
  /** Nano-units for the quantity itself, at the dearest price. */
  readonly slope: Nano
  /** Nano-units that the first unit may cost at once: a flat fee, a package begun. */
  readonly step: Nano
  /** Lines that may be rounded up by half a nano-unit each. */
  readonly rounded: number
}

/** For `units` > 0 billed units in `lines` lines: `highestAmount ≤ slope + step + ⌊rounded ÷ 2⌋`, and slope is linear. */
export function linearBound(rate: Rate, units: number, lines: number): LinearBound {
  const rounded = roundedLines(rate, units, lines)
  if (rate.model === 'flat') return { slope: 0n, step: priceOf(rate), rounded }
  const per = BigInt(rate.per)
  const slope = divideCeil(dearest(rate) * BigInt(units), per)
  // A package costs price ÷ per a unit, and the last one is at worst begun for a single unit: per − 1 more are paid.
  const step = rate.model === 'package' ? divideCeil(dearest(rate) * (per - 1n), per) : 0n
  return { slope, step, rounded }
}

function exactAmount(rate: Rate, position: number, units: number): Exact {
  if (units === 0) return { numerator: 0n, denominator: 1n }
  switch (rate.model) {
    case 'per_unit':
      return { numerator: priceOf(rate) * BigInt(units), denominator: BigInt(rate.per) }
    case 'graduated':
      return { numerator: windowSum(tiersOf(rate), position, units), denominator: BigInt(rate.per) }
    case 'volume':
      return { numerator: tierAt(tiersOf(rate), position + units).price * BigInt(units), denominator: BigInt(rate.per) }
    case 'package':
      return {
        numerator: priceOf(rate) * BigInt(packages(rate, position + units) - packages(rate, position)),
        denominator: 1n,
      }
    case 'flat':
      return { numerator: priceOf(rate), denominator: 1n }
  }
}

function highestExact(rate: Rate, units: number): Exact {
  switch (rate.model) {
    case 'graduated': {
      const tiers = tiersOf(rate)
      const sums = windowStarts(tiers, units).map((start) => windowSum(tiers, start, units))
      return { numerator: largest(sums), denominator: BigInt(rate.per) }
    }
    case 'volume':
      return { numerator: dearest(rate) * BigInt(units), denominator: BigInt(rate.per) }
    // From the edge of a package: ⌈units ÷ per⌉ are opened; from any other position never more, the begun one helps.
    default:
      return exactAmount(rate, 0, units)
  }
}

/** How many of `lines` lines may end in a fraction of a nano-unit. A line of 0 units costs exactly 0. */
function roundedLines(rate: Rate, units: number, lines: number): number {
  if (rate.model === 'package' || rate.model === 'flat') return 0
  const per = BigInt(rate.per)
  const prices = rate.tiers?.map((tier) => tier.price) ?? [priceOf(rate)]
  return prices.every((price) => price % per === 0n) ? 0 : Math.min(lines, units)
}

/** Nano-units × per for `units` units after `start`, each at the price of its tier. */
function windowSum(tiers: readonly Tier[], start: number, units: number): bigint {
  const end = start + units
  let sum = 0n
  let tierStart = 0
  for (const tier of tiers) {
    const tierEnd = tier.upTo ?? Number.POSITIVE_INFINITY
    const inTier = Math.min(end, tierEnd) - Math.max(start, tierStart)
    if (inTier > 0) sum += tier.price * BigInt(inTier)
    if (end <= tierEnd) break
    tierStart = tierEnd
  }
  return sum
}

/**
 * The starts among which the dearest and the cheapest window of `units` units lie: the sum changes linearly while
 * neither end of the window meets a tier's edge, so its extremes are where one does.
 */
function windowStarts(tiers: readonly Tier[], units: number): readonly number[] {
  const edges = tiers.flatMap((tier) => (tier.upTo === null ? [] : [tier.upTo]))
  return [0, ...edges, ...edges.map((edge) => edge - units).filter((start) => start > 0)]
}

function tierAt(tiers: readonly Tier[], position: number): Tier {
  const tier = tiers.find(({ upTo }) => upTo === null || position <= upTo)
  invariant(tier, 'the last tier is without end')
  return tier
}

function packages(rate: Rate, position: number): number {
  return Math.ceil(position / rate.per)
}

function dearest(rate: Rate): Nano {
  return rate.tiers === null ? priceOf(rate) : largest(rate.tiers.map((tier) => tier.price))
}

function priceOf(rate: Rate): Nano {
  invariant(rate.price !== null, `a ${rate.model} rate has a price`)
  return rate.price
}

function tiersOf(rate: Rate): readonly Tier[] {
  invariant(rate.tiers !== null && rate.tiers.length > 0, `a ${rate.model} rate has tiers`)
  return rate.tiers
}
