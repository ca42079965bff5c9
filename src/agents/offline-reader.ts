import { createRequire } from 'node:module'
import type { Detail, Document, ItemSentence, ItemToken, ItsFunction, ItsHelpers, WinkMethods } from 'wink-nlp'
import { type Passage, passagesOf } from './offline-passages.ts'
import { foreignWords, type Word } from './offline-words.ts'

export interface Entity {
  /** wink's: DATE, TIME, DURATION, MONEY, PERCENT, EMAIL, URL and others. It knows no persons and no places. */
  readonly type: string
  readonly text: string
}

export interface Sentence extends Omit<Passage, 'text'> {
  readonly text: string
  /** Whether it opens its paragraph. */
  readonly opening: boolean
  readonly words: readonly Word[]
  readonly entities: readonly Entity[]
  /** -1 to 1: the mean of its words' scores in wink's English lexicon, negated ones turned round; 0 where it has none. */
  readonly sentiment: number
}

/** Every unknown word stays in the library's tables for ever: 100 MB after 8 MB of random words. So they are renewed. */
const READ_CHARS_MAX = 4_000_000

interface Reader {
  readonly methods: WinkMethods
  /** Porter's, of a word in lower case. */
  readonly stem: (word: string) => string
  /** Known ones: stemming every word anew is a third of reading it. */
  readonly stems: Map<string, string>
}

let reader: Reader | undefined
let readChars = 0

/** About 0.1 s. */
function open(): Reader {
  const require = createRequire(import.meta.url)
  const wink: typeof import('wink-nlp').default = require('wink-nlp')
  const model: import('wink-nlp').Model = require('wink-eng-lite-web-model')
  const methods = wink(model, ['sbd', 'pos', 'ner', 'negation', 'sentiment'])
  return { methods, stem: model.addons.stem as Reader['stem'], stems: new Map() }
}

function read(text: string): { document: Document; its: ItsHelpers } {
  readChars += text.length
  if (reader === undefined || readChars > READ_CHARS_MAX) {
    reader = open()
    readChars = text.length
  }
  return { document: reader.methods.readDoc(text), its: reader.methods.its }
}

/**
 * Porter's stem of a lemma: "charge", "charged" and "charging" share one, and so do "think" and "thought". What is no
 * word of letters is its own.
 */
export function stemOf(lemma: string): string {
  reader ??= open()
  const { stem, stems } = reader
  const known = stems.get(lemma)
  if (known !== undefined) return known
  const found = /^\p{L}+$/u.test(lemma) ? stem(lemma) : lemma
  readChars += lemma.length
  stems.set(lemma, found)
  return found
}

interface Token extends Word {
  /** Whether nothing stands between it and the one before. */
  readonly glued: boolean
}

function toTokens(token: ItemToken, its: ItsHelpers): readonly Token[] {
  const [text, type] = [token.out(), token.out(its.type)]
  const glued = token.out(its.precedingSpaces) === ''
  const foreign = type === 'unk' ? foreignWords(text) : []
  if (foreign.length > 0) return foreign.map((word, index) => ({ ...word, glued: glued || index > 0 }))
  return [
    {
      text,
      lemma: String(token.out(its.lemma as ItsFunction<string>)).toLowerCase(),
      pos: String(token.out(its.pos)),
      content: type === 'word' && token.out(its.stopWordFlag) !== true,
      glued,
    },
  ]
}

/** The library parts "Node.js" and "v1.2" at their dots. */
function dotted(tokens: readonly Token[]): readonly Word[] {
  const words: Token[] = []
  for (const token of tokens) {
    const dot = words.at(-1)
    const before = words.at(-2)
    const joins = token.glued && dot?.text === '.' && dot.glued && before !== undefined
    if (joins && /[\p{L}\p{N}]$/u.test(before.text) && /^[\p{L}\p{N}]/u.test(token.text)) {
      const text = `${before.text}.${token.text}`
      words.splice(-2, 2, { text, lemma: text.toLowerCase(), pos: 'PROPN', content: true, glued: before.glued })
    } else words.push(token)
  }
  return words
}

interface Draft {
  text: string
  readonly tokens: Token[]
  readonly entities: Entity[]
  readonly sentiments: number[]
}

/** The library's sentences, but for those that it ended inside a word. */
function draftsOf(passage: string): Draft[] {
  const { document, its } = read(passage)
  const drafts: Draft[] = []
  document.sentences().each((sentence: ItemSentence) => {
    const tokens: Token[] = []
    sentence.tokens().each((token: ItemToken) => tokens.push(...toTokens(token, its)))
    let draft = drafts.at(-1)
    if (draft === undefined || tokens[0]?.glued !== true) {
      draft = { text: '', tokens: [], entities: [], sentiments: [] }
      drafts.push(draft)
    }
    draft.text += sentence.out()
    draft.tokens.push(...tokens)
    const found = sentence.entities().out(its.detail) as Detail[]
    draft.entities.push(...found.map(({ value, type }) => ({ type, text: value })))
    const sentiment = Number(sentence.out(its.sentiment as unknown as ItsFunction<number>))
    if (sentiment !== 0) draft.sentiments.push(sentiment)
  })
  return drafts
}

/** The text's sentences in its order, with their words and entities. */
export function* sentencesOf(text: string): Generator<Sentence> {
  let paragraph = -1
  for (const passage of passagesOf(text)) {
    for (const { text, tokens, entities, sentiments } of draftsOf(passage.text)) {
      const opening = passage.paragraph !== paragraph
      paragraph = passage.paragraph
      const sentiment = sentiments.reduce((sum, one) => sum + one, 0) / (sentiments.length || 1)
      yield { ...passage, text, opening, words: dotted(tokens), entities, sentiment }
    }
  }
}
