import { formatAmount, type Nano } from './money.ts'
import { amountOf } from './rates.ts'
import type { Rate } from './tariff.ts'

/** Units at one price: `units × price ÷ per`, in nano-units. */
interface Term {
  readonly units: number
  readonly price: Nano
  readonly per: number
}

const MILLION = 1_000_000
const whole = (count: number): string => count.toLocaleString('en-US')

/** A price and what it buys, as people write it: `0.15 / 1M`, `0.02`. */
function formatPrice(price: Nano, per: number): string {
  if (per === 1) return formatAmount(price)
  return `${formatAmount(price)} / ${per === MILLION ? '1M' : whole(per)}`
}

/**
 * How `amountOf` comes to its amount, with figures: `1,200 × 0.15 / 1M = 0.00018`.
 * @param position billed units of the period before these; tiers and packages count from it
 * @param units billed units
 */
export function formulaOf(rate: Rate, position: number, units: number): string {
  const amount = formatAmount(amountOf(rate, position, units))
  if (units === 0) return `no billed units = ${amount}`
  if (rate.model === 'flat') return `once = ${amount}`
  const terms = termsOf(rate, position, units)
  const shown = terms.map((term) => `${whole(term.units)} × ${formatPrice(term.price, term.per)}`).join(' + ')
  const isPositioned = rate.tiers !== null || rate.model === 'package'
  const of = rate.model === 'package' ? ` in packages of ${whole(rate.per)}` : ''
  const from = isPositioned ? `units ${whole(position + 1)} to ${whole(position + units)}${of}: ` : ''
  const isExact =
    terms.reduce((sum, term) => sum + BigInt(term.units) * term.price, 0n) % BigInt(terms[0]?.per ?? 1) === 0n
  return `${from}${shown} = ${amount}${isExact ? '' : ', rounded half up'}`
}

/** The units by price; of a package, the packages that these units open. Their sum is the amount before it is rounded. */
function termsOf({ model, price, per, tiers }: Rate, position: number, units: number): readonly Term[] {
  const end = position + units
  if (model === 'package') {
    return [{ units: Math.ceil(end / per) - Math.ceil(position / per), price: price ?? 0n, per: 1 }]
  }
  if (tiers === null) return [{ units, price: price ?? 0n, per }]
  if (model === 'volume') {
    return tiers
      .filter(({ upTo }) => upTo === null || end <= upTo)
      .slice(0, 1)
      .map((tier) => ({ units, price: tier.price, per }))
  }
  return tiers.flatMap((tier, index) => {
    const from = Math.max(position, tiers[index - 1]?.upTo ?? 0)
    const to = Math.min(end, tier.upTo ?? end)
    return to > from ? [{ units: to - from, price: tier.price, per }] : []
  })
}
