import { createHash } from 'node:crypto'
import type { Request, RequestHandler } from 'express'
import { NotFoundError, TollkeeperError } from '../foundation/errors.ts'
import { ACCOUNT_ID, UUID } from '../foundation/ids.ts'

const LIMIT_DEFAULT = 50
const LIMIT_MAX = 200
const CHECKSUM_BYTES = 6
const CURSOR_LENGTH_MAX = 512

/** Lets these query parameters through, once each, and refuses all others: an ignored filter is a wrong answer. */
export function takes(...names: readonly string[]): RequestHandler {
  return (req, _res, next) => {
    for (const [name, value] of Object.entries(req.query)) {
      if (!names.includes(name)) {
        const known = names.length > 0 ? `; it takes ${names.join(', ')}` : ''
        throw invalidQuery(`This does not take the parameter "${name.slice(0, 100)}"${known}`)
      }
      if (typeof value !== 'string') throw invalidQuery(`Give the parameter ${name} once`)
    }
    next()
  }
}

/** The parameters of a list. */
export const LIST = ['limit', 'cursor'] as const

/** What is given for a parameter that {@link takes} let through. */
export function parameter(req: Request, name: string): string | undefined {
  const value = req.query[name]
  return typeof value === 'string' ? value : undefined
}

/** `limit`, 1 to 200. @throws TollkeeperError 400 `invalid-query` */
export function limitOf(req: Request): number {
  const text = parameter(req, 'limit')
  if (text === undefined) return LIMIT_DEFAULT
  const limit = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (limit < 1 || limit > LIMIT_MAX) throw invalidQuery(`Give limit as a whole number from 1 to ${LIMIT_MAX}`)
  return limit
}

/** @throws TollkeeperError 400 `invalid-query` where a page is asked for of what is no list */
export function refusePaging(req: Request): void {
  const given = LIST.find((name) => parameter(req, name) !== undefined)
  if (given) throw invalidQuery(`Leave ${given} out: only a dry run answers a list`)
}

/** `version`, if it is given. @throws TollkeeperError 400 `invalid-query` */
export function versionOf(req: Request): { readonly version?: number } {
  const text = parameter(req, 'version')
  if (text === undefined) return {}
  if (!/^[1-9]\d{0,8}$/.test(text)) throw invalidQuery('Give version as a whole number from 1')
  return { version: Number(text) }
}

/** A parameter that is one of some words, or null where it is left out. @throws TollkeeperError 400 `invalid-query` */
export function choiceOf<Word extends string>(req: Request, name: string, words: readonly Word[]): Word | null {
  const text = parameter(req, name)
  if (text === undefined) return null
  const word = words.find((known) => known === text)
  if (word === undefined) throw invalidQuery(`Give ${name} as ${words.join(' or ')}`)
  return word
}

/** The organisation that a tenant's request is about. @throws TollkeeperError 400 without one, NotFoundError for no id */
export function organizationOf(req: Request): string {
  const id = organizationIfGiven(req)
  if (id === null) throw invalidQuery('Say which organisation: ?organization_id=<id>')
  return id
}

/** @throws NotFoundError for what cannot be an id */
export function organizationIfGiven(req: Request): string | null {
  const id = parameter(req, 'organization_id') ?? null
  if (id !== null && !ACCOUNT_ID.test(id)) throw new NotFoundError()
  return id
}

/**
 * A place in one list as an opaque text. The checksum is no secret (a cursor gives nothing that the list does not); it
 * makes a cut or edited one, or one of another list, an error instead of a silently wrong page.
 * @param list what is listed, with its owner, such as `ledger acme`
 * @param position where the next page begins; without it there is none
 */
export function toCursor(list: string, ...position: readonly (string | number | null | undefined)[]): string | null {
  if (position.some((part) => part === null || part === undefined)) return null
  const text = JSON.stringify(position)
  return Buffer.concat([checksum(list, text), Buffer.from(text)]).toString('base64url')
}

/** The position in `cursor`, or null at the beginning. @throws TollkeeperError 400 `invalid-cursor` */
export function cursorOf(req: Request, list: string): readonly (string | number)[] | null {
  const cursor = parameter(req, 'cursor')
  if (cursor === undefined) return null
  const bytes = Buffer.from(cursor.slice(0, CURSOR_LENGTH_MAX), 'base64url')
  const text = bytes.subarray(CHECKSUM_BYTES).toString()
  const isOurs =
    bytes.toString('base64url') === cursor && checksum(list, text).equals(bytes.subarray(0, CHECKSUM_BYTES))
  if (!isOurs) throw new TollkeeperError('invalid-cursor', 400, 'Give next_cursor of the page before, unchanged')
  return JSON.parse(text) as readonly (string | number)[]
}

function checksum(list: string, text: string): Buffer {
  return createHash('sha256').update(`${list}\n${text}`).digest().subarray(0, CHECKSUM_BYTES)
}

export function invalidQuery(message: string): TollkeeperError {
  return new TollkeeperError('invalid-query', 400, message)
}

/** Path parameters; what cannot be an id is as unknown as what is not there. @throws NotFoundError */
export function uuidParameter(req: Request, name: string): string {
  return pathParameter(req, name, (text) => UUID.test(text.toLowerCase())).toLowerCase()
}

export function accountParameter(req: Request, name: string): string {
  return pathParameter(req, name, (text) => ACCOUNT_ID.test(text))
}

export function pathParameter(req: Request, name: string, isValid: (text: string) => boolean): string {
  const text = req.params[name]
  if (typeof text !== 'string' || !isValid(text)) throw new NotFoundError()
  return text
}
