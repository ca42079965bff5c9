import { z } from 'zod'
import { ACCOUNT_ID, UUID } from '../foundation/ids.ts'
import { AmountError, type Nano, parseAmount } from '../pricing/money.ts'
import { sourceOf } from './number-token.ts'

/** What IEEE 754 doubles carry for sure; a client's own JSON writer may have rounded a longer number already. */
const NUMBER_DIGITS_MAX = 15
const NAME_LENGTH_MAX = 200
const INT4_MAX = 2_147_483_647

/** Controls that are invisible or reorder what is read: NUL and its like, and the bidi overrides (Unicode TR 9). */
const UNSAFE = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u

type Reading<T> = { readonly value: T } | { readonly code: string; readonly detail: string }

/**
 * A field read by a function of ours, which sees the JSON number as it was written.
 * @param shown its JSON schema, for the OpenAPI document
 */
function field<T>(shown: Readonly<Record<string, unknown>>, read: (input: unknown) => Reading<T>) {
  return z
    .unknown()
    .transform((input, context): T => {
      const reading: Reading<T> = input === undefined ? { code: 'required', detail: 'Give this field' } : read(input)
      if ('value' in reading) return reading.value
      context.issues.push({ code: 'custom', input, message: reading.detail, params: { code: reading.code } })
      return z.NEVER
    })
    .meta({ override: shown })
}

const AMOUNT: Readonly<Record<string, unknown>> = {
  anyOf: [
    { type: 'string', pattern: '^(0|[1-9]\\d{0,9})(\\.\\d{1,9})?$' },
    { type: 'number', minimum: 0 },
  ],
  description: 'An amount; a number only as a plain decimal of at most 15 digits',
  examples: ['9.99'],
}

/** An amount ≥ 0 in nano-units, from a string or a number, exactly as written. */
export const amount = field<Nano>(AMOUNT, (input) => {
  if (typeof input === 'string') return readAmount(input)
  const source = sourceOf(input)
  if (source === undefined) return { code: 'invalid-type', detail: 'Give the amount as a string: "9.99"' }
  const reading = readAmount(source)
  const digits = source.replace('.', '').replace(/^0+/, '').length
  if ('value' in reading && digits > NUMBER_DIGITS_MAX) {
    const detail = `Send a string: a number with more than ${NUMBER_DIGITS_MAX} digits may have been rounded already`
    return { code: 'too-precise', detail }
  }
  return reading
})

/** An amount > 0. */
export const positiveAmount = amount
  .refine((nano) => nano > 0n, { error: 'Give an amount above 0', params: { code: 'out-of-range' } })
  .meta({ override: { ...AMOUNT, description: `${AMOUNT.description}; above 0` } })

function readAmount(text: string): Reading<Nano> {
  try {
    return { value: parseAmount(text) }
  } catch (error) {
    if (error instanceof AmountError) return { code: error.code, detail: error.message }
    throw error
  }
}

/** A whole number as JSON writes it, without point and exponent. */
export function integer(min: number, max: number) {
  return field<number>({ type: 'integer', minimum: min, maximum: max }, (input) => {
    const source = sourceOf(input)
    if (source === undefined) return { code: 'invalid-type', detail: 'Give a whole number' }
    if (!/^-?\d+$/.test(source)) return { code: 'invalid-value', detail: 'Give a whole number' }
    const value = Number(source) + 0
    const isInside = value >= min && value <= max
    return isInside ? { value } : { code: 'out-of-range', detail: `Give a whole number from ${min} to ${max}` }
  })
}

/** A count that a 4-byte column holds. */
export const count = integer(0, INT4_MAX)
/** A quantity of units. */
export const units = (min: number) => integer(min, Number.MAX_SAFE_INTEGER)

/** Text for people, stored as it is: any script, no controls, well-formed, not blank. Lengths in characters. */
export function label(lengthMax = NAME_LENGTH_MAX) {
  return z
    .string()
    .refine(
      (text) => text.trim() !== '' && isSafe(text) && text.length <= 2 * lengthMax && [...text].length <= lengthMax,
      {
        error: `Give 1 to ${lengthMax} characters without control characters`,
        params: { code: 'invalid-value' },
      },
    )
    .meta({ override: { minLength: 1, maxLength: lengthMax } })
}

function isSafe(text: string): boolean {
  return text.isWellFormed() && !UNSAFE.test(text)
}

const pattern = (expression: RegExp, error: string) => z.string().regex(expression, error)

export const accountId = pattern(ACCOUNT_ID, `Give an id that matches ${ACCOUNT_ID.source}`)
export const uuid = z.string().toLowerCase().regex(UUID, 'Give a UUID').meta({ format: 'uuid' })
export const currency = pattern(/^[A-Z]{3}$/, 'Give a currency code of three capital letters, such as USD')
export const key = (expression: RegExp) => pattern(expression, `Give a key that matches ${expression.source}`)

/**
 * An array whose length is judged first: of ten thousand wrong entries one complaint is enough. Here as elsewhere not by
 * zod's own checks of lengths, which look at the length of whatever is given: an object's may be a number token.
 */
export function list<Entry extends z.ZodType>(entry: Entry, lengthMax: number) {
  return z
    .preprocess((input, context) => {
      if (!Array.isArray(input) || input.length <= lengthMax) return input
      const message = `Give at most ${lengthMax} entries`
      context.issues.push({ code: 'custom', input, message, params: { code: 'invalid-value' } })
      return z.NEVER
    }, z.array(entry))
    .meta({ override: { maxItems: lengthMax } })
}
