import type { Request, RequestHandler } from 'express'
import { TollkeeperError, ValidationError } from '../foundation/errors.ts'
import { readBytes } from './body-bytes.ts'
import { numberToken } from './number-token.ts'

/** Room for what stands around the text of a job. A text of escapes (`\u0041`) is six times as long as what it means. */
const ENVELOPE_BYTES = 64 * 1024
const ESCAPED_BYTES_PER_BYTE = 6
/** Strings, commas and brackets: above every body that means something (200 components of 100 tiers have 130,000). */
const MARKS_MAX = 150_000
const DEPTH_MAX = 16

const MARKS = new Set(['"', '{', '}', '[', ']', ','])
const BRACKET_OPEN = new Set(['{', '['])
const BRACKET_CLOSE = new Set(['}', ']'])

/** The largest body, in bytes, where `maxTextBytes` is the largest text of a job. */
export function bodyLimit(maxTextBytes: number): number {
  return ESCAPED_BYTES_PER_BYTE * maxTextBytes + ENVELOPE_BYTES
}

/**
 * Reads JSON bodies strictly: the media type must be JSON, the bytes UTF-8, numbers stay as they were written
 * ({@link numberToken}). A request without a body leaves `req.body` undefined.
 * @param limit of {@link bodyLimit}
 */
export function jsonBody(limit: number): RequestHandler {
  return async (req, _res, next) => {
    req.body = undefined
    if (hasBody(req)) {
      if (!isJson(req)) throw unsupported()
      const bytes = await readBytes(req, limit)
      if (bytes.length > 0) req.body = parseJson(decode(bytes))
    }
    next()
  }
}

/** @throws TollkeeperError 415 for a route that needs a body and was called without saying what it is */
export function requireJson(req: Request): void {
  if (!isJson(req)) throw unsupported()
}

function hasBody(req: Request): boolean {
  return req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0
}

function isJson(req: Request): boolean {
  const [type = '', ...parameters] = (req.headers['content-type'] ?? '').toLowerCase().split(';')
  const charset = parameters.map((text) => text.trim()).find((text) => text.startsWith('charset='))
  return type.trim() === 'application/json' && /^(charset="?utf-?8"?)?$/.test(charset ?? '')
}

function unsupported(): TollkeeperError {
  const detail = 'Send the body as JSON in UTF-8, with the header Content-Type: application/json'
  return new TollkeeperError('unsupported-media-type', 415, detail)
}

/** One for all: it keeps nothing between two whole texts, and making one takes as long as decoding with it. */
const UTF_8 = new TextDecoder('utf-8', { fatal: true })

function decode(bytes: Buffer): string {
  try {
    return UTF_8.decode(bytes)
  } catch {
    throw malformed('The body is not UTF-8')
  }
}

/** @throws TollkeeperError 400 `malformed-json`, ValidationError where it is more than any request of ours needs */
function parseJson(text: string): unknown {
  const { hasNumbers } = refuseTooMuch(text)
  try {
    // A reviver sees every value and keeps its source; most bodies have nothing for it.
    if (!hasNumbers) return JSON.parse(text)
    return JSON.parse(text, (_key: string, value: unknown, context?: { source?: string }) =>
      typeof value === 'number' ? numberToken(context?.source ?? String(value)) : value,
    )
  } catch (error) {
    throw malformed(error instanceof SyntaxError ? error.message.slice(0, 200) : 'The body is not JSON')
  }
}

function malformed(detail: string): TollkeeperError {
  return new TollkeeperError('malformed-json', 400, `Send valid JSON: ${detail}`)
}

/**
 * Counts marks and depth before anything is built, in one pass that jumps over strings: a reading of it all would block.
 * @returns whether there may be a number among the values
 */
function refuseTooMuch(text: string): { readonly hasNumbers: boolean } {
  const structure = /["{}[\],]|\d+/g
  let [marks, depth, hasNumbers] = [0, 0, false]
  for (let found = structure.exec(text); found; found = structure.exec(text)) {
    const [mark] = found
    if (!MARKS.has(mark)) {
      hasNumbers = true
      continue
    }
    marks += 1
    if (mark === '"') structure.lastIndex = endOfString(text, found.index)
    if (BRACKET_OPEN.has(mark)) depth += 1
    if (BRACKET_CLOSE.has(mark)) depth -= 1
    if (marks > MARKS_MAX) throw ValidationError.of('', 'invalid-value', 'Send fewer values in one request')
    if (depth > DEPTH_MAX) throw ValidationError.of('', 'invalid-value', `Nest the body at most ${DEPTH_MAX} deep`)
  }
  return { hasNumbers }
}

/** The index behind the closing quote, or the end of the text. */
function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0
    while (text[quote - 1 - backslashes] === '\\') backslashes += 1
    if (backslashes % 2 === 0) return quote + 1
  }
  return text.length
}
