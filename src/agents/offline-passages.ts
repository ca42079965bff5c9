import { isLinkTarget, withoutMarkup } from './offline-markup.ts'

/** A stretch of one paragraph, small enough for the language library. */
export interface Passage {
  readonly text: string
  /** Counts paragraphs, list items and headings, from 0. */
  readonly paragraph: number
  /** Counts headings before this place. */
  readonly section: number
  /** A heading belongs to no sentence of a summary. */
  readonly heading: boolean
  /** An item of a list; a short one without a full stop is taken for a heading, too. */
  readonly listed: boolean
}

/** The library takes a time that is quadratic in the length of a run without white space. */
const RUN_CHARS_MAX = 200
/** The library reads 64 kB in 30 ms, but keeps whole documents in 32-bit packed tables. */
const PASSAGE_CHARS_MAX = 4000
const HEADING_CHARS_MAX = 90

const FENCE = '```'
export const LINE_END = /\r\n|[\n\r\u0085\u2028\u2029]/
export const MARK = /^(?:#{1,6}|[-*+•–]|\d{1,3}[.)])[ \t]/
const SENTENCE_END = /[.!?:;,…。！？；，]["'”’)\]]?$/
/** The library ends sentences at Latin marks only. */
const WIDE_SENTENCE = /[^。！？]+[。！？]*|[。！？]+/gu

/** Cuts between characters, never inside a surrogate pair. */
function* cutRun(word: string): Generator<string> {
  let from = 0
  while (word.length - from > RUN_CHARS_MAX) {
    const edge = word.charCodeAt(from + RUN_CHARS_MAX - 1)
    const to = from + RUN_CHARS_MAX - (edge >= 0xd800 && edge <= 0xdbff ? 1 : 0)
    yield word.slice(from, to)
    from = to
  }
  yield word.slice(from)
}

/** Joins words by single spaces into texts that fit; a text that is full ends at a sentence if one ended lately. */
function* pack(words: Iterable<string>): Generator<string> {
  let text = ''
  let sentenceEnd = 0
  for (const word of words) {
    if (text.length + word.length >= PASSAGE_CHARS_MAX) {
      const end = sentenceEnd > PASSAGE_CHARS_MAX / 2 ? sentenceEnd : text.length
      yield text.slice(0, end)
      text = text.slice(end).trimStart()
      sentenceEnd = 0
    }
    text += text === '' ? word : ` ${word}`
    if (/[.!?]$/.test(word)) sentenceEnd = text.length
  }
  if (text !== '') yield text
}

function* wordsOf(paragraph: string): Generator<string> {
  for (const word of paragraph.split(/\s+/)) if (word !== '') yield* cutRun(word)
}

interface Paragraph {
  readonly lines: number
  readonly text: string
  readonly titled: boolean
  readonly listed: boolean
}

/**
 * Lines joined into paragraphs: a blank line, a heading's mark or a list's mark begins a new one. Code in Markdown's
 * fences, rows of its tables and targets of its links are left out, they are no sentences; other markup is taken off.
 */
function paragraphsOf(text: string): Paragraph[] {
  const paragraphs: { lines: string[]; titled: boolean; listed: boolean }[] = []
  let open: { lines: string[]; titled: boolean } | null = null
  let fenced = false
  for (const raw of text.split(LINE_END)) {
    const line = raw.trim()
    const mark = MARK.exec(line)?.[0]
    if (line.startsWith(FENCE)) fenced = !fenced
    if (line === '' || fenced || line.startsWith(FENCE) || line.startsWith('|') || isLinkTarget(line)) open = null
    else if (open === null || mark !== undefined) {
      const titled = mark?.startsWith('#') ?? false
      const paragraph = { lines: [line.slice(mark?.length ?? 0)], titled, listed: mark !== undefined && !titled }
      paragraphs.push(paragraph)
      open = titled ? null : paragraph
    } else open.lines.push(line)
  }
  return paragraphs
    .map(({ lines, ...rest }) => ({ ...rest, lines: lines.length, text: withoutMarkup(lines.join('\n')) }))
    .filter(({ text }) => text !== '')
}

/** Any text as passages in its order, in a time that is linear in its length. */
export function* passagesOf(text: string): Generator<Passage> {
  const paragraphs = paragraphsOf(text)
  let section = 0
  for (const [index, { lines, text, titled, listed }] of paragraphs.entries()) {
    const short = lines === 1 && text.length <= HEADING_CHARS_MAX
    const heading = paragraphs.length > 1 && (titled || (short && !SENTENCE_END.test(text)))
    if (heading) section += 1
    for (const [wide] of text.matchAll(WIDE_SENTENCE)) {
      for (const part of pack(wordsOf(wide))) yield { text: part, paragraph: index, section, heading, listed }
    }
  }
}
