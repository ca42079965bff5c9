import {
  behind,
  kindAt,
  LETTER,
  LOWER,
  MARK,
  NEWLINE,
  NUMBER,
  OTHER,
  runEnd,
  UNCASED,
  UPPER,
} from './character-kinds.ts'
import { blanksEnd, contractionEnd, numberEnd, SPACE } from './piece-parts.ts'

const SLASH = 0x2f

/**
 * Where the piece of a text that begins here ends: tokens never reach across. It is the cut of o200k_base (tiktoken's
 * `openai_public.py`), whose regular expression reads, with the kinds of character-kinds.ts and in this order:
 *
 *     [^\r\n LETTER NUMBER]? [UPPER UNCASED MARK]* [LOWER UNCASED MARK]+ (?i:'s|'t|'re|'ve|'m|'ll|'d)?
 *     [^\r\n LETTER NUMBER]? [UPPER UNCASED MARK]+ [LOWER UNCASED MARK]* (?i:'s|'t|'re|'ve|'m|'ll|'d)?
 *     NUMBER{1,3}
 *     ' '? [^\s LETTER NUMBER]+ [\r\n/]*
 *     \s* [\r\n]+
 *     \s+ (?!\S)
 *     \s+
 *
 * By hand no text is copied, and a run is read at most twice however long it is.
 * @param bytes well-formed UTF-8 behind which `END` stands
 */
export function o200kPieceEnd(bytes: Uint8Array, start: number): number {
  const kind = kindAt(bytes, start)
  if (kind === NUMBER) return numberEnd(bytes, start)
  const word = kind === NEWLINE ? start : wordEnd(bytes, start, kind)
  if (word > start) return contractionEnd(bytes, word)
  if ((kind & OTHER) !== 0) return signsEnd(bytes, start)
  if (bytes[start] === SPACE && (kindAt(bytes, start + 1) & OTHER) !== 0) return signsEnd(bytes, start + 1)
  return blanksEnd(bytes, start)
}

/** The first two lines of the expression without the contraction; `start` when neither matches. */
function wordEnd(bytes: Uint8Array, start: number, kind: number): number {
  const letters = (kind & LETTER) !== 0 ? start : behind(bytes, start)
  let at = letters
  let behindCaseless = -1
  let next = kindAt(bytes, at)
  while ((next & (UPPER | UNCASED | MARK)) !== 0) {
    at = runEnd(bytes, at, next === UPPER ? UPPER : UNCASED | MARK)
    if (next !== UPPER) behindCaseless = at
    next = kindAt(bytes, at)
  }
  if (next === LOWER) return runEnd(bytes, at, LOWER | UNCASED | MARK)
  // Without a small letter at the end the first line gives capitals back until it ends in a letter without case,
  if (behindCaseless >= 0) return behindCaseless
  // or else takes a mark as the word that it has just taken as the sign before one.
  if (kind === MARK) return letters
  return at > letters ? at : start
}

function signsEnd(bytes: Uint8Array, start: number): number {
  let at = runEnd(bytes, start, OTHER | MARK)
  while (kindAt(bytes, at) === NEWLINE || bytes[at] === SLASH) at++
  return at
}
