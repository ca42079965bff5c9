/** Kinds of characters between which a text is cut, as bits, so that a run of several kinds is one mask. */
export const UPPER = 1
export const LOWER = 2
/** A letter without case: a word may have it on both sides of its change from capitals to small letters. */
export const UNCASED = 4
export const LETTER = UPPER | LOWER | UNCASED
export const MARK = 8
export const NUMBER = 16
export const NEWLINE = 32
/** White space other than `\r` and `\n`, by Unicode's White_Space: `\s` of JavaScript differs at U+FEFF and U+0085. */
export const BLANK = 64
export const OTHER = 128

/** Stands behind the last byte of a text. No byte of UTF-8 has this value, and no kind is that of its "character". */
export const END = 0xff

const KINDS: readonly (readonly [kind: number, pattern: RegExp])[] = [
  [LOWER, /\p{Ll}/u],
  [UPPER, /[\p{Lu}\p{Lt}]/u],
  [UNCASED, /[\p{Lm}\p{Lo}]/u],
  [MARK, /\p{M}/u],
  [NUMBER, /\p{N}/u],
  [NEWLINE, /[\r\n]/],
  [BLANK, /\p{White_Space}/u],
]

/**
 * Letters, marks and numbers that Unicode 17 added, from and to. tiktoken matches with Unicode 16, for which they are none,
 * whereas a runtime brings its own tables: whatever runtime counts, a receipt counts the same.
 */
export const SINCE_UNICODE_17: readonly (readonly [from: number, to: number])[] = [
  [0x88f, 0x88f],
  [0xc5c, 0xc5c],
  [0xcdc, 0xcdc],
  [0x1acf, 0x1aeb],
  [0xa7ce, 0xa7cf],
  [0xa7d2, 0xa7d2],
  [0xa7d4, 0xa7d4],
  [0xa7f1, 0xa7f1],
  [0x10940, 0x10959],
  [0x10ec5, 0x10ec7],
  [0x10efa, 0x10efb],
  [0x11b60, 0x11b67],
  [0x11db0, 0x11de9],
  [0x16ea0, 0x16ed3],
  [0x16ff2, 0x16ff6],
  [0x187f8, 0x187ff],
  [0x18d09, 0x18d1e],
  [0x18d80, 0x18df2],
  [0x1e6c0, 0x1e6ff],
  [0x2b73a, 0x2b73f],
  [0x2cea2, 0x2cead],
  [0x323b0, 0x33479],
]

const kindOf = (code: number): number => {
  if (SINCE_UNICODE_17.some(([from, to]) => code >= from && code <= to)) return OTHER
  const character = String.fromCodePoint(code)
  return KINDS.find(([, pattern]) => pattern.test(character))?.[0] ?? OTHER
}

/** The kind of each character that has been met, 0 for others: 1.1 MB at most, and only what was touched is memory. */
const kinds = new Uint8Array(0x110000)
/** The kinds of plain ASCII by byte; 0 for whatever is no character of one byte. */
const plain = new Uint8Array(256)
for (let code = 0; code < 0x80; code++) plain[code] = kindOf(code)

/** Length in bytes of the character that begins with this byte. */
const lengthOf = (lead: number): number => (lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4)

/** The kind of the character at a place of well-formed UTF-8 that ends with `END`; 0 at the end. */
export function kindAt(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] as number
  return lead < 0x80 ? (plain[lead] as number) : kindBeyond(bytes, at, lead)
}

function kindBeyond(bytes: Uint8Array, at: number, lead: number): number {
  if (lead === END) return 0
  let code = (lead << 6) | ((bytes[at + 1] as number) & 0x3f)
  if (lead < 0xe0) code &= 0x7ff
  else {
    code = (code << 6) | ((bytes[at + 2] as number) & 0x3f)
    if (lead < 0xf0) code &= 0xffff
    else code = ((code << 6) | ((bytes[at + 3] as number) & 0x3f)) & 0x1fffff
  }
  const known = kinds[code] as number
  if (known !== 0) return known
  const kind = kindOf(code)
  kinds[code] = kind
  return kind
}

/** Where the character at a place ends. */
export const behind = (bytes: Uint8Array, at: number): number => at + lengthOf(bytes[at] as number)

/** Where a run of characters of these kinds ends that begins here; it may be empty. */
export function runEnd(bytes: Uint8Array, from: number, mask: number): number {
  let at = from
  for (;;) {
    while (((plain[bytes[at] as number] as number) & mask) !== 0) at++
    const lead = bytes[at] as number
    if (lead < 0x80 || (kindBeyond(bytes, at, lead) & mask) === 0) return at
    at += lengthOf(lead)
  }
}
