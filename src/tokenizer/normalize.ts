import { TollkeeperError, ValidationError } from '../foundation/errors.ts'

/** 413: more than we take; the message says how much that is. */
export class TooLargeError extends TollkeeperError {
  constructor(message: string) {
    super('too-large', 413, message)
  }
}

const BYTE_ORDER_MARK = '\uFEFF'
const NUL = '\u0000'

/**
 * What becomes of a customer's text at the door, once; the answer is what is stored, counted and billed. One leading
 * U+FEFF is an encoding's mark, not text, and goes; nothing else is changed. White space alone is a text.
 * @param maxBytes of UTF-8, after the mark is gone
 * @throws TooLargeError
 * @throws ValidationError at `/text`, code `invalid-text`: empty, with a NUL (PostgreSQL cannot store it), or with a
 *         lone surrogate (it has no UTF-8 form, so what is stored would not be what was counted)
 */
export function normalizeText(raw: string, maxBytes: number): string {
  const text = raw.startsWith(BYTE_ORDER_MARK) ? raw.slice(BYTE_ORDER_MARK.length) : raw
  if (Buffer.byteLength(text, 'utf8') > maxBytes) {
    throw new TooLargeError(`The text is larger than ${maxBytes} bytes of UTF-8; split it into several jobs`)
  }
  if (text === '') throw invalid('The text is empty; send at least one character')
  if (text.includes(NUL)) throw invalid('The text contains U+0000; remove it')
  if (!text.isWellFormed()) throw invalid('The text contains half of a surrogate pair; send well-formed Unicode')
  return text
}

const invalid = (detail: string): ValidationError => ValidationError.of('/text', 'invalid-text', detail)
