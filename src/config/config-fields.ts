import { isIP } from 'node:net'
import { z } from 'zod'
import { readFailpoints } from '../foundation/failpoint.ts'

/** Timers above this fire at once instead of later (a signed 32-bit count of milliseconds). */
const TIMER_MAX_MS = 2_147_483_647

/** A whole number in plain decimal digits; `1e3`, `0x10`, `+5`, `5.0` and blanks are refused instead of guessed. */
export function integerFrom(min: number, max: number) {
  const rule = `must be a whole number from ${min} to ${max}`
  return z
    .string()
    .regex(/^\d{1,15}$/, rule)
    .transform(Number)
    .refine((value) => value >= min && value <= max, rule)
}

export function integer(fallback: number, min: number, max: number) {
  return integerFrom(min, max).default(fallback)
}

export function milliseconds(fallback: number, min: number) {
  return integer(fallback, min, TIMER_MAX_MS)
}

export function oneOf<const Values extends readonly [string, ...string[]]>(values: Values) {
  return z.enum(values, { error: `must be one of ${values.join(', ')}` })
}

/** The value may carry a password, so the message never repeats it. */
export function urlOf(schemes: readonly string[]) {
  const rule = `must be a URL that starts with ${schemes.map((scheme) => `${scheme}//`).join(' or ')} and names a host`
  return z.string().refine((text) => {
    const url = URL.parse(text)
    return url !== null && schemes.includes(url.protocol) && url.hostname !== ''
  }, rule)
}

/** `fetch` refuses a user in an address, in words that repeat it; the provider's key is a variable of its own. */
export const modelUrl = urlOf(['http:', 'https:']).refine((text) => {
  const url = URL.parse(text)
  return url === null || `${url.username}${url.password}${url.hash}` === ''
}, 'must name no user, password or #fragment; the key is LLM_API_KEY')

/** Sent as `Authorization: Bearer`; what a header cannot carry would fail every call, in words that repeat the key. */
export const modelKey = z.string().regex(/^[\x21-\x7e]+$/, 'must be printable ASCII characters without blanks')

export const host = z
  .string()
  .refine(
    (text) => isIP(text) !== 0 || /^(?!\d+(\.\d+)*$)[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$/.test(text),
    'must be an IP address or a host name, without a port',
  )
  .default('127.0.0.1')

/** Sent as `Authorization: Bearer`, so blanks and anything that a header cannot carry would never match. */
export const adminApiKey = z
  .string()
  .regex(/^[\x21-\x7e]{32,}$/, 'must have at least 32 printable ASCII characters without blanks')

export const currency = z
  .string()
  .regex(/^[A-Z]{3}$/, 'must be a currency code of three capital letters, like USD')
  .default('USD')

export const path = z.string().refine((text) => !text.includes('\0'), 'must be a path without NUL')

export const failpoints = z.string().superRefine((text, context) => {
  try {
    readFailpoints(text)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    context.addIssue({ code: 'custom', message: error.message })
  }
})

export const flag = z.enum(['true', 'false'], { error: 'must be true or false' }).transform((text) => text === 'true')

/** Whether a server that listens there is reachable from its own machine only. */
export function isLoopback(address: string): boolean {
  const text = address.toLowerCase()
  if (text === 'localhost') return true
  if (isIP(text) === 4) return text.startsWith('127.')
  return isIP(text) === 6 && URL.parse(`http://[${text}]`)?.hostname === '[::1]'
}
