import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import { cutToTokens } from './cut-to-tokens.ts'
import { askedIn } from './offline-question.ts'
import { rank } from './offline-ranking.ts'
import { measure, plural, readabilityOf } from './offline-readability.ts'
import { type Sentence, sentencesOf, stemOf } from './offline-reader.ts'
import { sentimentOf, soundOf } from './offline-sentiment.ts'
import { keySentence, proseOf } from './offline-summary.ts'
import type { Word } from './offline-words.ts'

const QUOTES_MAX = 3
const LISTED_WORDS_MIN = 3
const QUOTE_CHARS_MAX = 240
/** A sentence answers a question when it holds at least so much of its weight (`Match.share`). */
const SHARE_MIN = 0.4
/** A further quote says nearly as much as the best. */
const FURTHER_SCORE_MIN = 0.6

/** A line of the answer, or some that belong together. What is of a lower rank goes first where not all of it fits. */
interface Line {
  readonly text: string
  readonly rank: 1 | 2 | 3
}

/** What is looked for: words of meaning and numbers. A stem finds "charging" by "charged". */
const termsOf = (words: readonly Word[]): string[] =>
  words.filter(({ content, pos }) => content || pos === 'NUM').map(({ lemma }) => stemOf(lemma))

const quote = (text: string): string => {
  const characters = [...text]
  const shown = characters.length <= QUOTE_CHARS_MAX ? text : `${characters.slice(0, QUOTE_CHARS_MAX - 1).join('')}…`
  return `"${shown}"`
}

/** A sentence that asks answers nothing, nor does a heading or an entry of a table of contents. */
const isStatement = ({ heading, listed, text, words }: Sentence): boolean =>
  (!heading || (listed && words.length >= LISTED_WORDS_MIN)) && !/[?？؟]["'”’)]*$/.test(text)

const percent = (share: number): string => `${Math.floor(100 * share + 1e-9)}%`

/** @param terms of the statements, in their order */
function answer(question: string, statements: readonly Sentence[], terms: readonly (readonly string[])[]): Line[] {
  const words = [...sentencesOf(question)].flatMap((sentence) => termsOf(sentence.words))
  const asked = [...new Set(words)]
  const head = `Question: ${question}`
  if (asked.length === 0)
    return [{ rank: 1, text: `${head}\nIt has no word to look for: ask in the text's own words.` }]
  const matches = rank(asked, terms)
  const nearest = matches.reduce((top, { share }) => Math.max(top, share), 0)
  const answers = matches.filter(({ share }) => share >= SHARE_MIN)
  const enough = (answers[0]?.score ?? 0) * FURTHER_SCORE_MIN
  const shown = answers.filter(({ score }) => score >= enough).slice(0, QUOTES_MAX)
  const lines = shown.map(({ index, score, share }, place) => {
    return `${place + 1}. ${quote(statements[index]?.text ?? '')} (${percent(share)} of the question, BM25 ${score.toFixed(2)})`
  })
  const [best, ...further] = lines
  if (best === undefined) {
    const near = `the nearest sentence holds ${percent(nearest)} of the question, ${percent(SHARE_MIN)} are needed`
    const why = nearest === 0 ? 'no sentence has a word of it' : near
    return [{ rank: 1, text: `${head}\nNothing in the text answers this: ${why}.` }]
  }
  return [{ rank: 1, text: `${head}\n${best}` }, ...further.map((text): Line => ({ rank: 3, text }))]
}

function withoutQuestion(prose: readonly Sentence[]): Line[] {
  const how = 'put each on a line of its own at the beginning or end of the text, with a question mark'
  const key = keySentence(prose)
  return [
    { rank: 1, text: `No question was found; ${how}.` },
    ...(key ? [{ rank: 2, text: `Key passage: ${quote(key.text)}` } as const] : []),
  ]
}

const signed = (score: number): string => `${score < 0 ? '' : '+'}${score.toFixed(2)}`

function sound(sentences: readonly Sentence[], english: boolean): Line[] {
  if (!english) return [{ rank: 2, text: 'Sentiment: not told, the lexicon knows English only' }]
  const told = sentimentOf(sentences)
  const { positive, negative, neutral, best, worst } = told
  const counts = `${positive} positive, ${negative} negative and ${neutral} neutral`
  const over = `by the lexicon, mean ${signed(told.mean)} of -1 to +1 over ${plural(sentences.length, 'sentence')}`
  const clearest = [
    ['Most positive', best],
    ['Most negative', worst],
  ] as const
  return [
    { rank: 2, text: `Sentiment: ${soundOf(told)} ${over} (${counts})` },
    ...clearest.flatMap(([label, sentence]): Line[] => {
      return sentence ? [{ rank: 3, text: `${label}: ${quote(sentence.text)} (${signed(sentence.sentiment)})` }] : []
    }),
  ]
}

/** Lines in their order, those of lower ranks left out where they do not fit; at least the first one's beginning. */
function linesThatFit(lines: readonly Line[], maxTokens: number, tokenizer: Tokenizer): string {
  const kept = new Set<Line>()
  const text = (): string => lines.flatMap((line) => (kept.has(line) ? [line.text] : [])).join('\n')
  for (const line of lines.toSorted((a, b) => a.rank - b.rank)) {
    kept.add(line)
    if (tokenizer.count(text()) > maxTokens) kept.delete(line)
  }
  const [first] = lines
  return first === undefined || kept.has(first) ? text() : cutToTokens(first.text, maxTokens, tokenizer)
}

/**
 * Answers a text's own questions (`askedIn`) by quotes: its sentences ranked by BM25, with their scores, best first, as
 * long as they hold enough of the question's weight. Without a question: the sentence that stands for most of the text.
 * Then how the text sounds, and how hard it is to read. The same text gives the same answer; n log n at most.
 * @param maxTokens of the answer, by `tokenizer`
 */
export function analyse(text: string, maxTokens: number, tokenizer: Tokenizer): string {
  const { questions, more, material } = askedIn(text)
  const sentences = [...sentencesOf(material)]
  const prose = proseOf(sentences)
  const measures = measure(prose)
  const statements = sentences.filter(isStatement)
  const terms = statements.map(({ words }) => termsOf(words))
  const answers = questions.flatMap((question) => answer(question, statements, terms))
  const lines: Line[] = questions.length > 0 ? answers : withoutQuestion(prose)
  if (more) lines.push({ rank: 2, text: `Only the first ${questions.length} questions were looked at.` })
  lines.push(...sound(prose, measures.english), { rank: 2, text: readabilityOf(measures) })
  return linesThatFit(lines, maxTokens, tokenizer)
}
