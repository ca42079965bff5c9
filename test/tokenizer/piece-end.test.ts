import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { END, SINCE_UNICODE_17 } from '../../src/tokenizer/character-kinds.ts'
import { cl100kPieceEnd } from '../../src/tokenizer/cl100k-piece-end.ts'
import { o200kPieceEnd } from '../../src/tokenizer/o200k-piece-end.ts'

vi.setConfig({ testTimeout: 120_000 }) // millions of texts, on a busy machine

/** U+017F, the long s, is an `s` where case does not matter. */
const CONTRACTION = "(?:'[sS\u017f]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
const BLANKS_LAST = [
  String.raw`\p{White_Space}*[\r\n]+`,
  String.raw`\p{White_Space}+(?!\P{White_Space})`,
  String.raw`\p{White_Space}+`,
]

interface Cut {
  readonly id: string
  readonly pieceEnd: (bytes: Uint8Array, start: number) => number
  /** Where the first piece of a text ends, in bytes. */
  readonly judged: (text: string) => number
}

/**
 * @param lines the judge: how an encoding cuts a text (tiktoken's `openai_public.py`), translated in two places. `\s` is
 *        Unicode's White_Space there, and `(?i:…)` is written out here
 */
function cutOf(id: string, pieceEnd: Cut['pieceEnd'], lines: readonly string[]): Cut {
  const piece = new RegExp([...lines, ...BLANKS_LAST].join('|'), 'yu')
  return {
    id,
    pieceEnd,
    judged(text) {
      piece.lastIndex = 0
      return Buffer.byteLength(piece.exec(text)?.[0] ?? '')
    },
  }
}

const CUTS: readonly Cut[] = [
  cutOf('o200k_base', o200kPieceEnd, [
    String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+${CONTRACTION}?`,
    String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*${CONTRACTION}?`,
    String.raw`\p{N}{1,3}`,
    String.raw` ?[^\p{White_Space}\p{L}\p{N}]+[\r\n/]*`,
  ]),
  cutOf('cl100k_base', cl100kPieceEnd, [
    CONTRACTION,
    String.raw`[^\r\n\p{L}\p{N}]?\p{L}+`,
    String.raw`\p{N}{1,3}`,
    String.raw` ?[^\p{White_Space}\p{L}\p{N}]+[\r\n]*`,
  ]),
]

/** Where the first piece ends is all there is to know: what follows is the first piece of a shorter text. */
function misjudgedOf(
  { pieceEnd, judged }: Cut,
  alphabet: readonly string[],
  length: number,
): { texts: number; misjudged: string[] } {
  const bytes = new Uint8Array(4 * length + 1)
  const encoded = alphabet.map((character) => Buffer.from(character))
  const misjudged: string[] = []
  let texts = 0
  const extend = (before: string, size: number, left: number): void => {
    for (const [index, character] of alphabet.entries()) {
      const text = before + character
      const added = encoded[index] as Buffer
      bytes.set(added, size)
      const end = size + added.length
      bytes[end] = END
      texts += 1
      if (pieceEnd(bytes, 0) !== judged(text)) misjudged.push(JSON.stringify(text))
      if (left > 1) extend(text, end, left - 1)
    }
  }
  extend('', 0, length)
  return { texts, misjudged }
}

const textsUpTo = (length: number, characters: number): number =>
  (characters ** (length + 1) - characters) / (characters - 1)

const MARK = '\u0301'
const KINDS = ['A', 'b', '字', MARK, '1', '\n', ' ', '\u3000', '!', '/', "'"]
const BLANKS = ['\t', '\v', '\f', '\r', '\n', ' ', '\u0085', '\u00a0', '\u1680', '\u2028', '\u2029', '\u202f', '\u3000']
const CASES: readonly (readonly [name: string, length: number, alphabet: readonly string[]])[] = [
  ['of a character of each kind', 6, KINDS],
  [
    'of letters of each kind, marks and signs of every length in bytes',
    4,
    [...'aéⱥ𐐨AÉⱯ𐐀ǅᾈªʰ字𠀀', MARK, '\u20dd', '\u{e0100}', ...'٣²Ⅷ𝟘', '\u200d', '\ufeff', '\0', ' ', '\n', '–', '😀'],
  ],
  ['of contractions', 5, [...`aA'sSſtTrRvVeEmlLdK`]],
  ['of blanks, line ends and what they stand before', 4, [...BLANKS, '\u200b', '\u180e', 'a', '1', '.', MARK]],
]

describe.each(CUTS)('by $id', (cut) => {
  const { pieceEnd, judged } = cut

  test.each(CASES)('every short text %s is cut where the reference expression cuts it', (_name, length, alphabet) => {
    const { texts, misjudged } = misjudgedOf(cut, alphabet, length)
    expect(misjudged.slice(0, 20)).toEqual([])
    expect(texts).toBe(textsUpTo(length, alphabet.length))
  })

  test('every character of Unicode has the kind that the reference expression gives it', () => {
    const misjudged: string[] = []
    const bytes = new Uint8Array(16)
    for (let code = 0; code < 0x110000; code++) {
      if (code === 0xd800) code = 0xe000 // half a pair is no character
      if (SINCE_UNICODE_17.some(([from, to]) => code >= from && code <= to)) continue // tiktoken's judgement: cut.test.ts
      const character = String.fromCodePoint(code)
      for (const text of [`${character}b`, `${character}A1`, `A${character}b`, `!${character}\n`, ` ${character} `]) {
        const { written } = new TextEncoder().encodeInto(text, bytes)
        bytes[written] = END
        if (pieceEnd(bytes, 0) !== judged(text)) misjudged.push(`${code.toString(16)} ${JSON.stringify(text)}`)
      }
    }
    expect(misjudged.slice(0, 20)).toEqual([])
  })

  test('a long text of runs is cut where the reference expression cuts it, from each place on', () => {
    const runs = fc.tuple(fc.constantFrom(...KINDS, 'é', 'É', '😀', "'LL", '\r\n'), fc.integer({ min: 1, max: 40 }))
    fc.assert(
      fc.property(fc.array(runs, { minLength: 1, maxLength: 12 }), (parts) => {
        const text = parts.map(([character, times]) => character.repeat(times)).join('')
        const bytes = new Uint8Array([...Buffer.from(text), END])
        for (let start = 0; start < bytes.length - 1; start = pieceEnd(bytes, start)) {
          const rest = Buffer.from(bytes.subarray(start, -1)).toString()
          expect(pieceEnd(bytes, start) - start, JSON.stringify(rest)).toBe(judged(rest))
        }
      }),
      { numRuns: 2_000 },
    )
  })
})
