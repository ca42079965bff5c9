import { BLANK, behind, kindAt, NEWLINE, NUMBER } from './character-kinds.ts'

export const SPACE = 0x20
const APOSTROPHE = 0x27
const DIGITS_MAX = 3

// What the cuts of the encodings have in common: each says where a part of a piece ends that may begin at a place.

/** `(?i:'s|'t|'re|'ve|'m|'ll|'d)?` */
export function contractionEnd(bytes: Uint8Array, at: number): number {
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

/** `NUMBER{1,3}`, where a number is */
export function numberEnd(bytes: Uint8Array, start: number): number {
  let at = start
  for (let digits = 0; digits < DIGITS_MAX && kindAt(bytes, at) === NUMBER; digits++) at = behind(bytes, at)
  return at
}

/**
 * The three lines with which each expression ends, where a blank or a line end is: to the last line end of the run, or to
 * before its last blank, or that one blank.
 *
 *     \s* [\r\n]+
 *     \s+ (?!\S)
 *     \s+
 */
export function blanksEnd(bytes: Uint8Array, start: number): number {
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
