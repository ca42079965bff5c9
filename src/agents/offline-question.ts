import { LINE_END, MARK } from './offline-passages.ts'

const QUESTIONS_MAX = 5
/** Longer is prose that happens to ask. */
const QUESTION_CHARS_MAX = 500
const LABEL = /^question\s*[:：]\s*/i
/** Latin, full width, Arabic, Armenian, Ethiopic. */
const ASKS = /[?？؟՞፧]["'”’»)\]]*$/
/** The end of a sentence that does not ask; "3.5", "Dr. Lee", "e.g. this" and initials are none. */
const TELLS = /(?<!\b(?:Mr|Mrs|Ms|Dr|Prof|St|No|vs|Inc|Ltd|Co|e\.g|i\.e|\p{Lu}))[.!…]["'”’)\]]*(?:\s|$)|[。！]/u
/** An end after which a new line can begin something new. */
const CLOSED = /[.!?:;…。！？：；؟՞፧]["'”’»)\]]*$/

export interface Asked {
  /** As written, in one line each, without a label or a list's mark. */
  readonly questions: readonly string[]
  /** Whether there are more than were taken. */
  readonly more: boolean
  /** The text without them. */
  readonly material: string
}

interface Taken {
  readonly question: string
  readonly lines: number
}

const plain = (line: string): string => line.trim().replace(MARK, '')

/** @returns the lines as one question if they are nothing else */
function questionIn(lines: readonly string[]): string | null {
  const text = lines.map(plain).join(' ')
  const question = text.replace(LABEL, '')
  if (text.length > QUESTION_CHARS_MAX || !/[\p{L}\p{N}]/u.test(question)) return null
  if (LABEL.test(text) && lines.length === 1) return question
  return ASKS.test(question) && !TELLS.test(question) ? question : null
}

/** The question that a text's lines begin with: they are joined until one ends with a question mark. */
function first(lines: readonly string[], from: number, to: number): Taken | null {
  let chars = 0
  for (let end = from; end < to; end++) {
    const line = plain(lines[end] ?? '')
    chars += line.length
    if (line === '' || chars > QUESTION_CHARS_MAX) break
    if (!ASKS.test(line)) continue
    const question = questionIn(lines.slice(from, end + 1))
    if (question !== null) return { question, lines: end + 1 - from }
    break
  }
  const labelled = LABEL.test(plain(lines[from] ?? '')) ? questionIn(lines.slice(from, from + 1)) : null
  return labelled === null ? null : { question: labelled, lines: 1 }
}

/** The question that they end with: lines before it belong to it as long as none of them closes a sentence. */
function last(lines: readonly string[], from: number, to: number): Taken | null {
  let chars = 0
  for (let start = to - 1; start >= from; start--) {
    const line = plain(lines[start] ?? '')
    chars += line.length
    if (line === '' || chars > QUESTION_CHARS_MAX) return null
    const before = start > from ? plain(lines[start - 1] ?? '') : ''
    const begins = before === '' || CLOSED.test(before) || LABEL.test(before) || MARK.test((lines[start] ?? '').trim())
    if (!begins && !LABEL.test(line)) continue
    const question = questionIn(lines.slice(start, to))
    return question === null ? null : { question, lines: to - start }
  }
  return null
}

/** "How long is it? Who pays?" are two. */
const apart = (question: string): readonly string[] =>
  question.split(/(?<=[?？؟՞፧]["'”’»)\]]{0,2})(?:\s+|(?<=？))(?=[\p{L}\p{N}"'“‘(])/u).filter((part) => part !== '')

/**
 * Parts a text from the questions about it, which stand at its beginning or end as the analyst's docstring says: five at
 * most, those of the beginning first. Linear: it looks at no line between them.
 */
export function askedIn(text: string): Asked {
  const lines = text.split(LINE_END)
  const blank = (index: number) => (lines[index] ?? '').trim() === ''
  let from = 0
  let to = lines.length
  const opening: string[] = []
  const closing: string[] = []
  const next = (find: typeof first): Taken | null => {
    while (from < to && blank(from)) from += 1
    while (to > from && blank(to - 1)) to -= 1
    const full = opening.length + closing.length > QUESTIONS_MAX // one too many shows that there are more
    return full ? null : find(lines, from, to)
  }
  for (let taken = next(first); taken !== null; taken = next(first)) {
    opening.push(...apart(taken.question))
    from += taken.lines
  }
  for (let taken = next(last); taken !== null; taken = next(last)) {
    closing.unshift(...apart(taken.question))
    to -= taken.lines
  }
  const questions = [...opening, ...closing]
  return {
    questions: questions.slice(0, QUESTIONS_MAX),
    more: questions.length > QUESTIONS_MAX,
    material: lines.slice(from, to).join('\n'),
  }
}
