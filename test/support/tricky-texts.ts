import fc from 'fast-check'

/** Plain characters and parts of texts between which every decision of a cut is made. */
export const TRICKY: readonly string[] = [
  ...`aZzA019 '_-/\\.,(@[\`{~\t\n\r\v\f\0\x1c\x1f\x7f`,
  ...["'s", "'RE", "'ll", "'Ve", "'d", '  ', '\n\n', '\r\n'],
]

/** Some beyond ASCII that have a say in it. */
export const BEYOND: readonly string[] = [
  ...['é', 'É', 'ǅ', 'ʰ', 'ª', '\u0301', '٣', '²'],
  ...['\u0085', '\u00a0', '\u2028', '\u3000', '\ufeff', '字', '😀', 'ſ', '’'],
]

/** What other counters get wrong: parts to make a text of. */
export const DELICATE: readonly string[] = [
  ...[' the', 'ing', 'Word', 'WORD', 'camelCase', '123', '1234567', '٣٤٥', '½'],
  ...["I'M", "they'Ve", "we'LL", "'tis", "I'\u017f", "'K", "''s"],
  ...['\r\n\r\n', '\n\r', ' \n ', '\t\t', '\u00a0\u00a0', '\u0085\u0085', '\ufeff\ufeff', '\u200b'],
  ...['<|endoftext|>', '<|im_start|>', '<|fim_prefix|>', '<|endofprompt|>', '<|'],
  ...[
    '今天天气很好，',
    '我们去公园',
    '龘靐',
    '吾輩は猫である。',
    '대한민국의',
    'مرحبا',
    'नमस्ते',
    'สวัสดี',
    'Привет',
    'Ελλάδα',
  ],
  ...['👩‍👩‍👧‍👦', '🏳️‍🌈', '👍🏽', '🇩🇪', '❤️', '\u200d', '\ufe0f', 'e\u0301\u0308'],
  ...['\u088f', '\ua7ce', '\u{10940}', '\u{16ea0}', '\u{323b0}', '\u{e000}', '\u{10ffff}', '\u0378'], // Unicode 17, and none
  ...['\ud83d', '\ude00'], // halves of pairs, which UTF-8 has no form for
  ...['==', '--', '//', '\\n', '{"a":', '});', 'aGVsbG8gd29ybGQ', 'deadbeef', 'xyzzyxyzzy'],
]

const part = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...TRICKY, ...BEYOND) },
  { weight: 3, arbitrary: fc.constantFrom(...DELICATE) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 8 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 8 }) },
)
const repeated = fc.tuple(part, fc.integer({ min: 2, max: 150 })).map(([unit, times]) => unit.repeat(times))

/** Any text, rich in what is delicate: short parts, and now and then a long run of one. */
export const anyText: fc.Arbitrary<string> = fc
  .array(fc.oneof({ weight: 12, arbitrary: part }, { weight: 1, arbitrary: repeated }), { maxLength: 30 })
  .map((parts) => parts.join(''))
