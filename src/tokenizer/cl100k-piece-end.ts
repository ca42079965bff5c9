import { behind, kindAt, LETTER, MARK, NEWLINE, NUMBER, OTHER, runEnd } from './character-kinds.ts'
import { blanksEnd, contractionEnd, numberEnd, SPACE } from './piece-parts.ts'

/** Neither blank, letter nor number. */
const SIGN = OTHER | MARK

/**
 * Where the piece of a text that begins here ends, by the cut of cl100k_base (tiktoken's `openai_public.py`), with the
 * kinds of character-kinds.ts and in this order:
 *
 *     (?i:'s|'t|'re|'ve|'m|'ll|'d)
 *     [^\r\n LETTER NUMBER]? LETTER+
 *     NUMBER{1,3}
 *     ' '? SIGN+ [\r\n]*
 *     \s* [\r\n]+
 *     \s+ (?!\S)
 *     \s+
 *
 * @param bytes well-formed UTF-8 behind which `END` stands
 */
export function cl100kPieceEnd(bytes: Uint8Array, start: number): number {
  const contraction = contractionEnd(bytes, start)
  if (contraction > start) return contraction
  const kind = kindAt(bytes, start)
  if ((kind & LETTER) !== 0) return runEnd(bytes, start, LETTER)
  if (kind === NUMBER) return numberEnd(bytes, start)
  if (kind !== NEWLINE) {
    const letters = behind(bytes, start)
    const end = runEnd(bytes, letters, LETTER)
    if (end > letters) return end
  }
  if ((kind & SIGN) !== 0) return signsEnd(bytes, start)
  if (bytes[start] === SPACE && (kindAt(bytes, start + 1) & SIGN) !== 0) return signsEnd(bytes, start + 1)
  return blanksEnd(bytes, start)
}

const signsEnd = (bytes: Uint8Array, start: number): number => runEnd(bytes, runEnd(bytes, start, SIGN), NEWLINE)
