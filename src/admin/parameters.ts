import { z } from 'zod'
import { NotFoundError, TollkeeperError } from '../foundation/errors.ts'
import { ACCOUNT_ID, UUID } from '../foundation/ids.ts'

const LIMIT_DEFAULT = 50
const LIMIT_MAX = 200

/** How the OpenAPI document shows a parameter. */
interface Shown {
  readonly type: 'string' | 'integer' | 'boolean'
  readonly [more: string]: unknown
}

/** A parameter of the query that may be left out, which is null. @param read throws what the request is answered with */
export function parameter<T>(shown: Shown, description: string, read: (text: string) => T) {
  return z
    .string()
    .optional()
    .transform((text): T | null => (text === undefined ? null : read(text)))
    .meta({ description, override: shown })
}

export const limit = parameter(
  { type: 'integer', minimum: 1, maximum: LIMIT_MAX, default: LIMIT_DEFAULT },
  'How many at most',
  (text) => {
    const number = /^\d{1,3}$/.test(text) ? Number(text) : 0
    if (number < 1 || number > LIMIT_MAX) throw invalidQuery(`Give limit as a whole number from 1 to ${LIMIT_MAX}`)
    return number
  },
).transform((given) => given ?? LIMIT_DEFAULT)

export const cursor = parameter({ type: 'string' }, 'next_cursor of the page before', (text) => text)

export const version = parameter({ type: 'integer', minimum: 1 }, 'One version instead of the newest', (text) => {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw invalidQuery('Give version as a whole number from 1')
  return Number(text)
})

export const organizationId = parameter(
  { type: 'string', pattern: ACCOUNT_ID.source },
  'Whom it is about; an organisation’s own key may leave it out',
  (text) => {
    if (!ACCOUNT_ID.test(text)) throw new NotFoundError()
    return text
  },
)

/** `true` or `false`. */
export function flag(name: string, description: string) {
  return parameter({ type: 'boolean', default: false }, description, (text) => {
    if (text !== 'true' && text !== 'false') throw invalidQuery(`Give ${name} as true or false`)
    return text === 'true'
  }).transform((given) => given ?? false)
}

/** One of some words. */
export function choice<Word extends string>(name: string, description: string, words: readonly Word[]) {
  return parameter({ type: 'string', enum: words }, description, (text): Word => {
    const word = words.find((known) => known === text)
    if (word === undefined) throw invalidQuery(`Give ${name} as ${words.join(' or ')}`)
    return word
  })
}

/** An id of ours to look for; what cannot be one is a mistake of the client's. */
export function uuidParameter(name: string, description: string) {
  return parameter({ type: 'string', format: 'uuid' }, description, (text) => {
    const id = text.toLowerCase()
    if (!UUID.test(id)) throw invalidQuery(`Give ${name} as a UUID`)
    return id
  })
}

/** Part of a path; what cannot be one is as unknown as what is not there. */
export function pathPart(pattern: RegExp, description: string) {
  return z.string().regex(pattern).meta({ description })
}

export const uuidPart = (description: string) =>
  z
    .string()
    .toLowerCase()
    .regex(UUID)
    .meta({ description, override: { type: 'string', format: 'uuid' } })
export const accountPart = (description: string) => pathPart(ACCOUNT_ID, description)

export function invalidQuery(message: string): TollkeeperError {
  return new TollkeeperError('invalid-query', 400, message)
}
