import { hash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { KeyRole } from '../models/api-key.model.ts'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const BASE = BigInt(ALPHABET.length)
/** 256 bits; base 62 writes them in 43 places, a checksum of 32 bits in 6. */
const SECRET_BYTES = 32
const SECRET_LENGTH = 43
const CHECKSUM_LENGTH = 6
const HINT_LENGTH = 4

/** What a secret begins with, by what it is for: a scanner of sources finds it, and a person sees what was found. */
const PREFIXES: Readonly<Record<KeyRole, string>> = {
  admin: 'tk_admin_',
  operator: 'tk_operator_',
  organization: 'tk_org_',
}

/** Every secret, and by its checksum hardly anything else: one text of this form in four thousand million has the right one. */
const SECRET = /^(tk_(?:admin|operator|org)_[0-9A-Za-z]{43})([0-9A-Za-z]{6})$/

export function prefixOf(role: KeyRole): string {
  return PREFIXES[role]
}

/** A new secret: prefix, 256 random bits, checksum. Nobody can be shown it again: only {@link hashOfSecret} of it is kept. */
export function newSecret(role: KeyRole): string {
  const random = BigInt(`0x${randomBytes(SECRET_BYTES).toString('hex')}`)
  const body = PREFIXES[role] + inBase62(random, SECRET_LENGTH)
  return body + checksumOf(body)
}

/** The last characters, by which people tell their keys from one another. They belong to the checksum. */
export function hintOf(secret: string): string {
  return secret.slice(-HINT_LENGTH)
}

/**
 * What is stored of a secret, and what it is looked up by: SHA-256. A slow hash makes guessing dear, and 256 random bits are
 * not guessed at any price; it would only make every request slow.
 * @returns 32 bytes; null for a text that is no secret of ours, such as a mistyped one
 */
export function hashOfSecret(text: string): Buffer | null {
  const [, body, checksum] = SECRET.exec(text) ?? []
  if (body === undefined || checksumOf(body) !== checksum) return null
  return hash('sha256', text, 'buffer')
}

function checksumOf(body: string): string {
  return inBase62(BigInt(crc32(body)), CHECKSUM_LENGTH)
}

function inBase62(value: bigint, length: number): string {
  let text = ''
  for (let rest = value; text.length < length; rest /= BASE) text = ALPHABET[Number(rest % BASE)] + text
  return text
}
