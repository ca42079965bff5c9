import { TollkeeperError } from '../foundation/errors.ts'
import { invariant } from '../foundation/invariant.ts'

/** An amount of money in nano-units: 10⁻⁹ of the organisation's currency. */
export type Nano = bigint

/**
 * The largest amount that we accept or hold: nine thousand million units of a currency. A PostgreSQL bigint column ends
 * at 9,223,372,036,854,775,807; the round number below it can be said to people, and leaves 223 million units for a
 * statement that adds before it checks. Sums are taken here, as bigint, which does not overflow, and compared with this.
 */
export const NANO_MAX: Nano = 9_000_000_000_000_000_000n

const DECIMALS_MAX = 9
/** Digits before the point that NANO_MAX can have; longer ones are refused before they are parsed, however long. */
const WHOLE_DIGITS_MAX = 10
/** JSON's grammar for a number without sign and exponent. */
const PLAIN_DECIMAL = /^(0|[1-9][0-9]*)(?:\.([0-9]+))?$/

/** 422: a text that is no amount. The door that knows the field turns it into an entry of `errors` with its pointer. */
export class AmountError extends TollkeeperError {
  constructor(code: 'invalid-amount' | 'too-precise' | 'out-of-range', message: string) {
    super(code, 422, message)
  }
}

/**
 * Reads an amount as people write it (`"9.99"`, `"0.00018"`), exactly: nothing is ever rounded.
 * @throws AmountError `invalid-amount` (sign, exponent, comma, blanks, leading zeros, empty), `too-precise`
 *         (more than 9 decimals as written), `out-of-range` (above NANO_MAX)
 */
export function parseAmount(text: string): Nano {
  const match = PLAIN_DECIMAL.exec(text)
  if (!match) throw new AmountError('invalid-amount', 'Write the amount as a plain decimal, such as "9.99"')
  const [, whole = '', decimals = ''] = match
  if (decimals.length > DECIMALS_MAX) {
    throw new AmountError('too-precise', `Write the amount with at most ${DECIMALS_MAX} decimals`)
  }
  if (whole.length > WHOLE_DIGITS_MAX) throw outOfRange()
  const nano = BigInt(whole + decimals.padEnd(DECIMALS_MAX, '0'))
  if (nano > NANO_MAX) throw outOfRange()
  return nano
}

function outOfRange(): AmountError {
  return new AmountError('out-of-range', `Write an amount of at most ${formatAmount(NANO_MAX)}`)
}

/** The amount as the contract shows it: at least 2 and at most 9 decimals, no further trailing zeros, `-` if negative. */
export function formatAmount(nano: Nano): string {
  const digits = (nano < 0n ? -nano : nano).toString().padStart(DECIMALS_MAX + 1, '0')
  const whole = digits.slice(0, -DECIMALS_MAX)
  const decimals = digits.slice(-DECIMALS_MAX).replace(/0{1,7}$/, '')
  return `${nano < 0n ? '-' : ''}${whole}.${decimals}`
}

/** `numerator ÷ denominator` to the nearest integer, a half upwards (towards +∞). `denominator` > 0. */
export function divideHalfUp(numerator: bigint, denominator: bigint): bigint {
  return divideFloor(2n * numerator + denominator, 2n * denominator)
}

/** The largest integer that is not above `numerator ÷ denominator`. `denominator` > 0. */
export function divideFloor(numerator: bigint, denominator: bigint): bigint {
  invariant(denominator > 0n, 'a denominator is positive')
  const quotient = numerator / denominator
  return numerator % denominator < 0n ? quotient - 1n : quotient
}

/** The smallest integer that is not below `numerator ÷ denominator`. `denominator` > 0. */
export function divideCeil(numerator: bigint, denominator: bigint): bigint {
  return -divideFloor(-numerator, denominator)
}

/** The largest of some amounts; of none, 0. (`Math.max` takes no bigint.) */
export function largest(amounts: readonly bigint[]): bigint {
  let [found = 0n] = amounts
  for (const amount of amounts) if (amount > found) found = amount
  return found
}

/** The smallest of some amounts; of none, 0. */
export function smallest(amounts: readonly bigint[]): bigint {
  let [found = 0n] = amounts
  for (const amount of amounts) if (amount < found) found = amount
  return found
}
