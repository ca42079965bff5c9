import {
  BLANK,
  behind,
  kindAt,
  LOWER,
  MARK,
  NEWLINE,
  NUMBER,
  OTHER,
  runEnd,
  UNCASED,
  UPPER,
} from './character-kinds.ts'

const SLASH = 0x2f
const BLANK_SIGN = 0x20
const APOSTROPHE = 0x27
const DIGITS_MAX = 3

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
export function pieceEnd(bytes: Uint8Array, start: number): number {
  const kind = kindAt(bytes, start)
  if (kind === NUMBER) return numberEnd(bytes, start)
  const word = kind === NEWLINE ? start : wordEnd(bytes, start, kind)
  if (word > start) return contractionEnd(bytes, word)
  if ((kind & OTHER) !== 0) return signsEnd(bytes, start)
  if (bytes[start] === BLANK_SIGN && (kindAt(bytes, start + 1) & OTHER) !== 0) return signsEnd(bytes, start + 1)
  return blanksEnd(bytes, start)
}

/** The first two lines of the expression without the contraction; `start` when neither matches. */
function wordEnd(bytes: Uint8Array, start: number, kind: number): number {
  const letters = (kind & (UPPER | LOWER | UNCASED)) !== 0 ? start : behind(bytes, start)
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

function contractionEnd(bytes: Uint8Array, at: number): number {
  if (bytes[at] !== APOSTROPHE) return at
  switch ((bytes[at + 1] as number) | 0x20) {
    case 0x73: // s
    case 0x74: // t
    case 0x6d: // m
    case 0x64: // d
      return at + 2
    case 0x72: // r
    case 0x76: // v
      return ((bytes[at + 2] as number) | 0x20) === 0x65 ? at + 3 : at // e
    case 0x6c: // l
      return ((bytes[at + 2] as number) | 0x20) === 0x6c ? at + 3 : at
    case 0xe5: // "ſ" is C5 BF, and an "s" where case does not matter
      return bytes[at + 1] === 0xc5 && bytes[at + 2] === 0xbf ? at + 3 : at
    default:
      return at
  }
}

function numberEnd(bytes: Uint8Array, start: number): number {
  let at = start
  for (let digits = 0; digits < DIGITS_MAX && kindAt(bytes, at) === NUMBER; digits++) at = behind(bytes, at)
  return at
}

function signsEnd(bytes: Uint8Array, start: number): number {
  let at = runEnd(bytes, start, OTHER | MARK)
  while (kindAt(bytes, at) === NEWLINE || bytes[at] === SLASH) at++
  return at
}

/** The last three lines: to the last line end of the run, or to before its last blank, or that one blank. */
function blanksEnd(bytes: Uint8Array, start: number): number {
  let at = start
  let last = start
  let behindNewline = -1
  for (let kind = kindAt(bytes, at); (kind & (NEWLINE | BLANK)) !== 0; kind = kindAt(bytes, at)) {
    last = at
    at = behind(bytes, at)
    if (kind === NEWLINE) behindNewline = at
  }
  if (behindNewline >= 0) return behindNewline
  return kindAt(bytes, at) === 0 || last === start ? at : last
}
