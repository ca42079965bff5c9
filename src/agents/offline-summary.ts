import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import { cutToTokens } from './cut-to-tokens.ts'
import { type Sentence, sentencesOf } from './offline-reader.ts'

const SENTENCES_MIN = 3
const SENTENCES_MAX = 12
const PARAGRAPH_MIN = 3
const NOTHING = 'Nothing to summarise.'
/** Of the sentences: what a person would leave of a text of some pages. */
const SHARE = 0.14
/** A covered word says little the second time (SumBasic: Nenkova and Vanderwende 2005). */
const COVERED = 0.6
/** A sentence that begins like this leans on the one before it, which the summary may lack. */
const LEANING = new Set(
  `it its this these that those they them their he she his her we however but and or so then such there here also thus
  therefore nevertheless otherwise instead both neither nor one another yet still hence moreover furthermore
  additionally consequently similarly for`.split(/\s+/),
)

type Weights = Map<string, number>

/** How much a word stands for the text: the logarithm of its sentences, nothing for a word of one sentence. */
function weigh(candidates: Iterable<Candidate>): Weights {
  const counts: Weights = new Map()
  for (const { lemmas } of candidates) for (const lemma of lemmas) counts.set(lemma, (counts.get(lemma) ?? 0) + 1)
  for (const [lemma, count] of counts) counts.set(lemma, Math.log2(count))
  return counts
}

/** "The crew then …" leans too, though less. */
const LINKING = new Set(['then', 'however', 'therefore', 'also', 'thus', 'too', 'such'])
/** Words by which writers say what matters to them ("cue words": Edmundson 1969). */
const CUES = new Set(
  `recommend recommendation conclude conclusion result show find summary summarise summarize important main therefore
  propose proposal decide decision answer because goal aim purpose problem`.split(/\s+/),
)

/** How well a sentence stands alone, whatever it is about. */
function fitness(sentence: Sentence, index: number): number {
  const words = sentence.words.length
  const [first = '', ...start] = sentence.words
    .filter(({ pos }) => pos !== 'PUNCT')
    .map(({ lemma }) => lemma)
    .slice(0, 5)
  let factor = index === 0 ? 1.6 : sentence.opening ? 1.25 : 1
  if (words < 8) factor *= 0.5
  if (words > 45) factor *= 0.5
  if (sentence.text.length > 600) factor *= 0.2
  if (LEANING.has(first)) factor *= 0.6
  else if (start.some((lemma) => LINKING.has(lemma))) factor *= 0.7
  if (/[?？]["'”’)]?$/.test(sentence.text)) factor *= 0.4
  if (/[:,;]$/.test(sentence.text)) factor *= 0.3
  else if (!/[.!?…。！？]["'”’)\]]*$/.test(sentence.text)) factor *= 0.5 // a title, or an entry of a list
  if (/^[^\p{Lu}\p{Lo}\p{N}"'“‘(]/u.test(sentence.text)) factor *= 0.5 // cut out of something, or no prose
  if (/\]\(|https?:/.test(sentence.text)) factor *= 0.5
  if (sentence.words.some(({ lemma }) => CUES.has(lemma))) factor *= 1.25
  return factor
}

interface Candidate {
  readonly sentence: Sentence
  readonly index: number
  readonly lemmas: readonly string[]
  readonly fitness: number
}

function toCandidate(sentence: Sentence, index: number): Candidate {
  const lemmas = [...new Set(sentence.words.filter(({ content }) => content).map(({ lemma }) => lemma))]
  return { sentence, index, lemmas, fitness: fitness(sentence, index) }
}

/** What a text says; headings only where it has nothing else. */
export function proseOf(sentences: readonly Sentence[]): readonly Sentence[] {
  const prose = sentences.filter(({ heading }) => !heading)
  return prose.length > 0 ? prose : sentences
}

/** Page heads and refrains: a sentence stands in a summary once. */
function unrepeated(sentences: readonly Sentence[]): Sentence[] {
  const byText = new Map<string, Sentence>()
  for (const sentence of sentences) if (!byText.has(sentence.text)) byText.set(sentence.text, sentence)
  return [...byText.values()]
}

function worth({ lemmas, fitness }: Candidate, weights: Weights): number {
  let sum = 0
  for (const lemma of lemmas) sum += weights.get(lemma) ?? 0
  return ((sum + 0.1) / (lemmas.length + 4)) * fitness // + 4: three heavy words alone make no sentence
}

/** Scripts that end a sentence with a wide mark leave no space behind it. */
const follow = (text: string, sentence: string): string =>
  /[。！？]["'”’）」』]?$/.test(text) ? text + sentence : `${text} ${sentence}`

/** Sentences in the text's order; a new section of the text begins a new paragraph, unless that would be a crumb. */
function assemble(chosen: readonly Candidate[]): string {
  const paragraphs: string[][] = []
  let section = -1
  for (const { sentence } of chosen.toSorted((a, b) => a.index - b.index)) {
    const open = paragraphs.at(-1)
    if (open === undefined || (open.length >= PARAGRAPH_MIN && sentence.section !== section)) {
      paragraphs.push([sentence.text])
    } else open.push(sentence.text)
    section = sentence.section
  }
  return paragraphs.map((sentences) => sentences.reduce(follow)).join('\n\n')
}

function best(candidates: ReadonlySet<Candidate>, weights: Weights): Candidate | null {
  let found: Candidate | null = null
  let highest = -1
  for (const candidate of candidates) {
    const value = worth(candidate, weights)
    if (value > highest) {
      highest = value
      found = candidate
    }
  }
  return found
}

/** The sentence that stands for most of them; null of none. */
export function keySentence(sentences: readonly Sentence[]): Sentence | null {
  const candidates = new Set(unrepeated(sentences).map(toCandidate))
  return best(candidates, weigh(candidates))?.sentence ?? null
}

/**
 * An extract: the sentences that stand for most of the text, in its order, without repeating themselves. The same text
 * gives the same summary.
 * @param maxTokens of the answer, by `tokenizer`
 */
export function summarize(text: string, maxTokens: number, tokenizer: Tokenizer): string {
  const sentences = unrepeated(proseOf([...sentencesOf(text)]))
  const candidates = new Set(sentences.map(toCandidate))
  const weights = weigh(candidates)
  const wanted = Math.min(SENTENCES_MAX, Math.max(SENTENCES_MIN, Math.round(sentences.length * SHARE)))
  const chosen: Candidate[] = []
  let shortest = ''
  for (let tries = 2 * SENTENCES_MAX; tries > 0 && chosen.length < wanted; tries--) {
    const candidate = best(candidates, weights)
    if (candidate === null) break
    candidates.delete(candidate)
    if (tokenizer.count(assemble([...chosen, candidate])) <= maxTokens) {
      chosen.push(candidate)
      for (const lemma of candidate.lemmas) weights.set(lemma, (weights.get(lemma) ?? 0) * COVERED)
    } else if (shortest === '' || candidate.sentence.text.length < shortest.length) shortest = candidate.sentence.text
  }
  return chosen.length > 0 ? assemble(chosen) : cutToTokens(shortest || NOTHING, maxTokens, tokenizer)
}
