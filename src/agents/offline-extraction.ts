import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import { cutToTokens } from './cut-to-tokens.ts'
import { linksIn } from './offline-markup.ts'
import { type Entity, type Sentence, sentencesOf } from './offline-reader.ts'
import type { Word } from './offline-words.ts'

const TERMS_MAX = 15
const ITEMS_MAX = 20
const TERM_WORDS_MAX = 3
const ITEM_CHARS_MAX = 80
/** A link that is cut leads nowhere. */
const LINK_CHARS_MAX = 200

/** The kinds of an extract, by wink's name, in the order in which they are shown. */
const KINDS: readonly (readonly [type: string, label: string])[] = [
  ['DATE', 'Dates'],
  ['TIME', 'Times'],
  ['DURATION', 'Durations'],
  ['MONEY', 'Money'],
  ['PERCENT', 'Percentages'],
  ['EMAIL', 'Emails'],
]

interface Term {
  readonly lemmas: readonly string[]
  /** As first written, in lower case unless it is a name. */
  readonly label: string
  count: number
}

const NOUNS = new Set(['NOUN', 'PROPN'])
/** What every text counts by; dates and durations have lines of their own. */
const UNITS = new Set('second minute hour day week month year today time'.split(' '))
const isTermWord = ({ content, pos, text, lemma }: Word) =>
  content && (NOUNS.has(pos) || pos === 'ADJ') && /[\p{L}\p{M}\p{N}]{2}$/u.test(text) && !UNITS.has(lemma)

/**
 * Noun phrases: runs of adjectives and nouns that end with a noun; of a longer run its last three words. Of a script
 * whose parts of speech nobody knows, single words.
 */
function* phrasesOf(sentence: Sentence): Generator<readonly Word[]> {
  let run: Word[] = []
  for (const word of [...sentence.words, null]) {
    if (word !== null && isTermWord(word)) {
      run.push(word)
      continue
    }
    while (run.length > 0 && !NOUNS.has(run.at(-1)?.pos ?? '')) run.pop()
    if (run.length > 0) yield run
    if (word?.pos === 'X' && word.content) yield [word]
    run = []
  }
}

function countTerms(sentences: Iterable<Sentence>): Map<string, Term> {
  const terms = new Map<string, Term>()
  const add = (words: readonly Word[]) => {
    const lemmas = words.map(({ lemma }) => lemma)
    const key = lemmas.join(' ')
    const known = terms.get(key)
    if (known !== undefined) known.count += 1
    else terms.set(key, { lemmas, label: words.map(labelOf).join(' '), count: 1 })
  }
  for (const sentence of sentences) {
    for (const phrase of phrasesOf(sentence)) {
      const tail = phrase.slice(-TERM_WORDS_MAX)
      if (tail.length > 1) add(tail)
      for (const word of phrase) if (NOUNS.has(word.pos) || word.pos === 'X') add([word])
    }
  }
  return terms
}

const labelOf = ({ text, pos }: Word): string => (pos === 'PROPN' ? text : text.toLowerCase())

/** Terms by weight: a phrase that is repeated beats its words, and a word counts only where no such phrase has it. */
function keyTerms(sentences: readonly Sentence[]): string[] {
  const terms = countTerms(sentences)
  const phrases = [...terms.values()].filter(({ lemmas, count }) => lemmas.length > 1 && count > 1)
  for (const { lemmas, count } of phrases) {
    for (const lemma of new Set(lemmas)) {
      const word = terms.get(lemma)
      if (word !== undefined) word.count -= count
    }
  }
  const words = [...terms.values()].filter(({ lemmas, count }) => lemmas.length === 1 && count > 0)
  const repeated = words.filter(({ count }) => count > 1)
  const shown = [...phrases, ...(phrases.length + repeated.length > 0 ? repeated : words)]
  const weight = ({ lemmas, count }: Term) => count * Math.sqrt(lemmas.length)
  return shown
    .sort((a, b) => weight(b) - weight(a))
    .slice(0, TERMS_MAX)
    .map(({ label, count }) => `${shorten(label)} (${count})`)
}

/** The library takes "seconds" for a duration and "1.6.32" for a date. */
function tidy({ type, text }: Entity): string | null {
  if (type === 'DURATION' && !text.includes(' ')) return null
  if (type === 'DATE' && /^[\d.]+\.[\d.]+$/.test(text)) return null
  return shorten(text)
}

const shorten = (item: string, charsMax = ITEM_CHARS_MAX): string =>
  item.length <= charsMax ? item : `${[...item].slice(0, charsMax - 1).join('')}…`

/** Each as the text writes it, once, with how often unless it is once. */
function listed(items: Iterable<string>): string[] {
  const counts = new Map<string, number>()
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1)
  return [...counts].slice(0, ITEMS_MAX).map(([item, count]) => (count > 1 ? `${item} (${count})` : item))
}

function* entitiesOf(sentences: readonly Sentence[], type: string): Generator<string> {
  for (const { entities } of sentences) {
    for (const entity of entities) {
      const item = entity.type === type ? tidy(entity) : null
      if (item !== null) yield item
    }
  }
}

/**
 * Key terms with their counts, dates, times, durations, money, percentages, e-mail addresses and links, one line a
 * kind. Persons and places are not told apart: the language model behind it does not know them.
 * @param maxTokens of the answer, by `tokenizer`; what does not fit is left out from the end
 */
export function extract(text: string, maxTokens: number, tokenizer: Tokenizer): string {
  const sentences = [...sentencesOf(text)]
  const lines: [label: string, items: string[]][] = [['Key terms', keyTerms(sentences)]]
  for (const [type, label] of KINDS) lines.push([label, listed(entitiesOf(sentences, type))])
  lines.push(['Links', listed(linksIn(text).map((link) => shorten(link, LINK_CHARS_MAX)))])
  const shown = lines.filter(([, items]) => items.length > 0).map(([label, items]) => `${label}: ${items.join('; ')}`)
  return cutToTokens(shown.length > 0 ? shown.join('\n') : 'Nothing to extract.', maxTokens, tokenizer)
}
