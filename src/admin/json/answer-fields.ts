import { z } from 'zod'
import { ACCOUNT_ID, UUID } from '../../foundation/ids.ts'

/** Fields of answers, as contract.md has them. */
export const amount = z
  .string()
  .regex(/^-?\d+\.\d{2,9}$/)
  .meta({ id: 'Amount', description: 'An exact amount, 2 to 9 decimals', examples: ['9.995'] })
export const time = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  .meta({ id: 'Time', format: 'date-time', description: 'UTC with milliseconds' })
export const uuid = z.string().regex(UUID).meta({ id: 'Uuid', format: 'uuid' })
export const accountId = z.string().regex(ACCOUNT_ID).meta({ id: 'AccountId' })
export const currency = z.string().regex(/^[A-Z]{3}$/)
/** What to ask next, as a request line, or null where nothing needs to follow. */
export const next = z.string().nullable().meta({ description: 'What to ask next, as a request line' })

/** A list as contract.md has it. */
export function listOf<Entry extends z.ZodType>(entry: Entry) {
  return z.strictObject({ data: z.array(entry), next_cursor: z.string().nullable() })
}

/** One of some words of ours. */
export const word = <const Words extends readonly string[]>(...words: Words) => z.enum(words)
