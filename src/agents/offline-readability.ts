import type { Sentence } from './offline-reader.ts'

/** Below this the formulas say little (they were made on samples of a hundred words). */
const WORDS_MIN = 100
/** English prose has two to five stop words in ten, code with comments one and a half; other languages less than one. */
const ENGLISH_STOPS_MIN = 0.12
/** A text of fewer words may well have no stop word. */
const ENGLISH_WORDS_MIN = 5
const LONG_WORD_LETTERS = 6

/** Flesch's own words for his scores ("How to Write Plain English", 1979), by the least score of each. */
const EASE: readonly (readonly [least: number, words: string])[] = [
  [90, 'very easy'],
  [80, 'easy'],
  [70, 'fairly easy'],
  [60, 'plain English'],
  [50, 'fairly difficult'],
  [30, 'difficult'],
]
/** Björnsson's, by what a score is below. */
const LIX: readonly (readonly [below: number, words: string])[] = [
  [30, 'very easy'],
  [40, 'easy'],
  [50, 'medium'],
  [60, 'difficult'],
]

export interface Measures {
  readonly words: number
  readonly sentences: number
  /** Whether nearly all words are in scripts with upper and lower case and spaces between words. */
  readonly alphabetic: boolean
  readonly english: boolean
  readonly syllables: number
  readonly longWords: number
}

/** An e that nobody hears: at the end, before an ending, in "some-" and "every". */
const SILENT =
  /(?<![^aeiouy]l)e$|(?<=[^aeiouytd])ed$|(?<=[^aeiouyszxcg])es$|e(?=(?:ly|ments?|ness|ful|less)$)|(?<=^som)e(?=.)|(?<=^ev)e(?=ry)/g
/** Two vowels side by side that are two syllables. */
const PARTED =
  /(?<![tscg])ia|(?<![tscgnl])io|(?<![pg])eo(?!u)|(?<![qg])ua|(?<![tc])ie(?=t|n[ct])|scie|[aeiou][^aeiou]+ea$|creat(?!u)|eum$|oe[mt]|[ey]ing$/g

/**
 * Of one English word, about: its groups of vowels, but for silent ones, and some groups twice. Some nine words in ten come
 * out as in a dictionary, and sums over a text are good to some percent.
 */
export function syllablesOf(word: string): number {
  const letters = word
    .toLowerCase()
    .normalize('NFD')
    .replaceAll(/[^a-z]/g, '')
  const groups = letters.replaceAll(SILENT, '').match(/[aeiouy]+/g)?.length ?? 0
  return Math.max(1, groups + (letters.match(PARTED)?.length ?? 0))
}

/** Addresses, names of files and code are no words to a reader, nor is the second part of "don't" and "it's". */
const isWord = (text: string): boolean => /^\p{L}[\p{L}\p{M}\p{N}'’-]*$/u.test(text) && !/^n['’]t$/i.test(text)

/** What the formulas are made of. */
export function measure(sentences: readonly Sentence[]): Measures {
  const counts = { words: 0, sentences: 0, alphabetic: 0, latin: 0, stops: 0, syllables: 0, longWords: 0 }
  for (const { words } of sentences) {
    const before = counts.words
    for (const { text, content, pos } of words) {
      if (!isWord(text)) continue
      counts.words += 1
      if (!/^[\p{sc=Latin}\p{sc=Greek}\p{sc=Cyrillic}]/u.test(text)) continue
      counts.alphabetic += 1
      counts.syllables += syllablesOf(text)
      if (text.length > LONG_WORD_LETTERS) counts.longWords += 1
      if (!/^\p{sc=Latin}/u.test(text)) continue
      counts.latin += 1
      if (!content && pos !== 'X') counts.stops += 1
    }
    if (counts.words > before) counts.sentences += 1
  }
  const { words, latin, stops, syllables, longWords } = counts
  const likely = latin < ENGLISH_WORDS_MIN || stops >= ENGLISH_STOPS_MIN * latin
  return {
    words,
    sentences: counts.sentences,
    alphabetic: words > 0 && counts.alphabetic >= 0.8 * words,
    english: words > 0 && latin >= 0.8 * words && likely,
    syllables,
    longWords,
  }
}

/**
 * Flesch reading ease (Flesch 1948), the Flesch-Kincaid grade (Kincaid, Fishburne, Rogers and Chissom 1975), both for
 * English alone, and LIX (Björnsson 1968) for any language that is written in letters with spaces between its words.
 */
export function readabilityOf(measures: Measures): string {
  const { words, sentences, alphabetic, english, syllables, longWords } = measures
  if (words === 0) return 'Readability: does not apply, the text has no words'
  if (!alphabetic) return 'Readability: the formulas do not apply to the script of this text'
  const perSentence = words / sentences
  const lix = perSentence + (100 * longWords) / words
  const parts = [`LIX ${lix.toFixed(0)} (${LIX.find(([below]) => lix < below)?.[1] ?? 'very difficult'})`]
  if (english) {
    const ease = 206.835 - 1.015 * perSentence - (84.6 * syllables) / words
    const grade = 0.39 * perSentence + (11.8 * syllables) / words - 15.59
    const said = EASE.find(([least]) => ease >= least)?.[1] ?? 'very difficult'
    parts.unshift(`Flesch reading ease ${ease.toFixed(0)} (${said})`, `Flesch-Kincaid grade ${grade.toFixed(1)}`)
  }
  const amount = `${plural(words, 'word')} in ${plural(sentences, 'sentence')}`
  const few = words < WORDS_MIN ? `; fewer than ${WORDS_MIN} words say little` : ''
  return `Readability: ${parts.join(', ')}; ${amount}${few}`
}

export const plural = (count: number, thing: string): string =>
  `${count.toLocaleString('en')} ${thing}${count === 1 ? '' : 's'}`
